"""The subcommands of ddpm-studio, one module each, imported when called."""
