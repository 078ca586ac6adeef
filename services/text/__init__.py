"""Text tools: characters, tokens, sentences, language, page structure, HTML, addresses.

Pure, and below the stages: ingest reads pages with them, enrich describes articles with them. They import
schemas and libraries, nothing else of ours.
"""
