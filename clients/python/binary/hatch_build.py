"""Puts a built counterpart into a wheel for the platform it was built for.

COUNTERPART_BINARY is the program, COUNTERPART_PLATFORM the tag of the wheel
(https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/).
"""

import os
import pathlib

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Binary(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version, build_data):
        try:
            program, platform = pathlib.Path(os.environ["COUNTERPART_BINARY"]).resolve(strict=True), os.environ["COUNTERPART_PLATFORM"]
        except KeyError as missing:
            raise SystemExit("set %s; `make wheels` does it" % missing)
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + platform
        build_data["shared_scripts"] = {str(program): "counterpart" + program.suffix}
