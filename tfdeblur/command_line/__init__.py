"""What `tfdeblur VERB` does around a tool: verbs, help, flags, logs, exit codes."""
