"""`python -m app.server`: the API and the UI on HOST:PORT, one process."""

import asyncio
import logging
import sys
from types import FrameType

import uvicorn

from app.kit import traces
from app.kit.garbage import spare_what_stands
from app.kit.log import configure, get_logger
from app.kit.redaction import keep_secret
from app.kit.settings import SettingsFaults, load_settings
from app.server.application import create_app
from app.server.wire import BoundedHttp

log = get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn that says when it begins to stop: it would wait 3 s for a live stream, then break it off."""

    closing: asyncio.Event

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop."""
        self.closing.set()
        super().handle_exit(sig, frame)


def main() -> int:
    """Serve until told to stop; 1 with every fault when the settings cannot be used."""
    try:
        settings = load_settings()
    except SettingsFaults as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    keep_secret(*settings.secrets)
    configure("studio-api", settings.log)
    traces.configure("studio-api", settings)
    try:
        for key in ("jwt_secret_key", "worker_shared_secret"):
            settings.keys.require(key)
    except KeyError as exc:
        log.error(str(exc.args[0]), action="keys_missing")
        return 1
    app = create_app(settings)
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=BoundedHttp,
            ws="websockets-sansio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # Forwarded headers are read where they are needed, each with its own rule (origin, throttle).
            proxy_headers=False,
            timeout_keep_alive=75,  # longer than the 60 s of usual proxies, so that they close first
            timeout_graceful_shutdown=2,  # supervisord kills after 3
            ws_max_size=64 * 1024,  # a page only ever sends what it wants to hear about
        )
    )
    server.closing = app.litestar.state.closing
    spare_what_stands()
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it tells each phase of its start
    log.info("serving", action="serving", address=settings.local_url)
    server.run()
    traces.stop()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
