"""``python -m poise.sim.bench``."""

import sys

from poise.sim.bench.command import main

sys.exit(main(sys.argv[1:]))
