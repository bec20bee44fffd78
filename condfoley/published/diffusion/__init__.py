"""VTA-LDM and AudioLDM, two published latent diffusion systems, as generators (docs/published_diffusion.md)."""
