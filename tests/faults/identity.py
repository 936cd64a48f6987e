"""``python -m tests.faults.identity``: the identity service, in a process that is forked anew
whenever it dies, so that a death costs no second of importing. Prints the pid of each.
"""

import os
import sys

from services.identity.app import create_app
from services.identity.settings import Settings
from shared import logs
from shared.serving import serve

if __name__ == "__main__":
    settings = Settings.load()
    logs.configure("identity", settings.log_level)
    app = create_app(settings)  # touches nothing outside before it serves
    while True:
        child = os.fork()
        if not child:
            serve(app, settings.host, settings.port)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
