import json
import urllib.error
import urllib.request

from vstar_sdk import BackendError, Completion


class Letters:
    def __init__(self, options, *, resolver):
        self.options, self.resolver = options, resolver

    def complete(self, request):
        stamp = self.resolver.secret(self.options.stamp_env)
        if not stamp:
            raise BackendError(f"{self.options.stamp_env} is not set", hint="buy a stamp")
        letter = {"to": request.system, "says": [message.text for message in request.messages]}
        post = urllib.request.Request(self.options.address, json.dumps(letter).encode(), {"x-stamp": stamp})  # noqa: S310
        try:
            with urllib.request.urlopen(post, timeout=30) as reply:  # noqa: S310
                answer = reply.read(100_000).decode()
        except OSError as error:
            raise BackendError(f"{self.options.address}: {type(error).__name__}") from None
        return Completion(text=answer, stop="end", model="postman", input_tokens=len(letter), output_tokens=len(answer))

    def close(self):
        pass
