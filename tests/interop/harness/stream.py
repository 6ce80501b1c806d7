"""Stream: GET after GET on one kept connection, in the foreground or beside other things; every failure is remembered."""

import http.client
import threading
import time


class Stream:
    def __init__(self, port, target="/hello", host="localhost", pause=0.01):
        self.port, self.target, self.host, self.pause = port, target, host, pause
        self.answered = 0
        self.connects = 0
        self.failures = []
        self._connection = None
        self._over = threading.Event()
        self._thread = None

    def run(self, count=None):
        """So many requests, or until stopped."""
        while not self._over.is_set() and (count is None or self.answered + len(self.failures) < count):
            self._ask()
            if self.pause:
                time.sleep(self.pause)
        if self._connection is not None:
            self._connection.close()

    def _ask(self):
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                self.connects += 1
            self._connection.request("GET", self.target, headers={"Host": self.host})
            answer = self._connection.getresponse()
            answer.read()
            if answer.status == 200:
                self.answered += 1
            else:
                self.failures.append(answer.status)
            closes = answer.will_close
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
            closes = True
        if closes and self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self):
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(15)
