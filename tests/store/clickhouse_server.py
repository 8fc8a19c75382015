"""ClickHouse's HTTP interface over its engine in this process (chdb), as far as the store uses it.

    python -m tests.store.clickhouse_server FOLDER

prints its port and serves until its standard input ends. A real server stands in its place in production.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chdb import session

LOCK = threading.Lock()
PASSED_ON = {
    "final",
    "do_not_merge_across_partitions_select_final",
    "mutations_sync",
    "max_partitions_per_insert_block",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    database: Any  # chdb has no types
    folder: Path

    def do_POST(self) -> None:
        options = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        length = self.headers["Content-Length"]
        body = self.rfile.read(int(length)) if length is not None else self._chunks()
        try:
            with LOCK:
                answer = self._run(options, body)
            status = 200
        except Exception as problem:  # noqa: BLE001 - it becomes the answer
            answer, status = str(problem).encode(), 400
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _run(self, options: dict[str, str], body: bytes) -> bytes:
        sql = options.get("query") or body.decode()
        values = {name.removeprefix("param_"): value for name, value in options.items() if name.startswith("param_")}
        sql = re.sub(r"\{(\w+):(\w+)\}", lambda found: _literal(found[2], values[found[1]]), sql)
        self.database.query(f"CREATE DATABASE IF NOT EXISTS `{options['database']}`")
        self.database.query(f"USE `{options['database']}`")
        settings = ", ".join(f"{name} = {value}" for name, value in options.items() if name in PASSED_ON)
        self.database.query(f"SET {settings}")
        if "query" in options:
            with tempfile.NamedTemporaryFile(dir=self.folder) as file:
                file.write(body)
                file.flush()
                form = sql.rpartition(" ")[2]
                self.database.query(f"{sql.rpartition(' FORMAT ')[0]} FROM INFILE '{file.name}' FORMAT {form}")
            return b""
        form = sql.rpartition(" FORMAT ")[2] if " FORMAT " in sql else "TSV"
        result = self.database.query(sql.rpartition(" FORMAT ")[0] or sql, form)
        return bytes(result.bytes()) if result is not None else b""

    def log_message(self, *_: object) -> None:
        pass


def _literal(kind: str, text: str) -> str:
    if kind != "String":
        return f"CAST('{text}' AS {kind})"
    return "'" + text.replace("'", "\\'") + "'"  # backslashes come escaped already


def main() -> None:
    Handler.folder = Path(sys.argv[1])
    make: Any = session.Session
    Handler.database = make(str(Handler.folder / "data"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # with threads that still serve, chdb may wait for ever at its end


if __name__ == "__main__":
    main()
