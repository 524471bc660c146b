from vstar_sdk import Bias
from vstar_sdk.moments import duration


class Horizon:
    def __init__(self, options):
        self.options = options

    def operations(self, site):
        if site.block == "init":
            return []
        reach = max(1.0, duration(self.options.reach, site.frames, site.fps))
        return [Bias(lambda distance: -100.0 * (distance.abs() > reach).to(distance))]
