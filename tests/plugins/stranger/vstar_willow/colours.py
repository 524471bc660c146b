class Colours:
    def __init__(self, options):
        self.path = options.path
        self.digits = options.digits

    def open(self, target, clip):
        self.file = target.open("w", encoding="utf-8")
        self.file.write(f"{clip.synopsis.states[0].caption}\n")

    def write(self, frame):
        self.file.write(" ".join(f"{value:.{self.digits}f}" for value in frame.mean(axis=(0, 1))) + "\n")

    def close(self):
        self.file.close()

    def abort(self):
        if hasattr(self, "file"):
            self.file.close()
