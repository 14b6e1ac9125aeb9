"""A module that the package lacks; see deps in plugin.yaml."""
