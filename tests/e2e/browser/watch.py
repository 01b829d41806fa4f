"""What a browser must not do in any story: complain in its console, fail inside, or talk to strangers."""

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError

# The browser itself notes every refused call; refusals are part of the stories, failures (5xx) are not.
_REFUSED = "Failed to load resource: the server responded with a status of 4"
_OWN_SCHEMES = ("data:", "blob:", "about:", "chrome-error:")


class Watch:
    """Listens to one browser profile from its first page on."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self._address = address
        self._faults: list[str] = []
        self._forgiven: list[str] = []
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("request", self._on_request)
        context.on("response", self._on_response)
        context.on("page", self._on_page)

    def forgive(self, words: str) -> None:
        """A fault with these words belongs to the story: a network that was taken away, for one."""
        self._forgiven.append(words)

    def judge(self) -> None:
        """Raises AssertionError with everything that should not have been."""
        left = [fault for fault in self._faults if not any(words in fault for words in self._forgiven)]
        assert not left, "\n".join(left)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self._faults.append(f"console {message.type}: {message.text}")

    def _on_error(self, error: WebError) -> None:
        self._faults.append(f"uncaught: {error.error}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self._address, *_OWN_SCHEMES)):
            self._faults.append(f"a request left the origin: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 500:
            self._faults.append(f"{response.status} for {response.request.method} {response.url}")

    def _on_page(self, page: Page) -> None:
        own = self._address.replace("http", "ws", 1)
        page.on(
            "websocket",
            lambda socket: (
                None
                if socket.url.startswith(own)
                else self._faults.append(f"a socket left the origin: {socket.url}")
            ),
        )
