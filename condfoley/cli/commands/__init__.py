"""The commands of `condfoley`, one module each with `run(words) -> exit code`; imported when called."""
