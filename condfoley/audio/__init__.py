"""Sound as arrays: spectra, onsets, levels, fades, windows. No network, no file."""
