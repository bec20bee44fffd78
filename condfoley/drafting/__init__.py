"""Drafts of candidates: spectrograms from the target's picture and the reference, by one of two generators."""
