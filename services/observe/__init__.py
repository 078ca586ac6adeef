"""Observe: one sampler for all viewers, metrics, readiness, and the trace of one article through all of it."""
