"""Weights that come from elsewhere or go there: diffusers pipelines, and one file that describes itself."""
