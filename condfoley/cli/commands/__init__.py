"""The commands of `condfoley`, one module each with `run(argv) -> exit code`; imported when called."""
