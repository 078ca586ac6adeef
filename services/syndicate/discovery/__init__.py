"""What leads to the feeds: the OPML directory, the news sitemap, robots.txt, /.well-known. Pure renderers."""
