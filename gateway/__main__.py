from gateway.app import create_app
from gateway.settings import Settings
from shared import logs
from shared.serving import serve

if __name__ == "__main__":
    settings = Settings.load()
    logs.configure("gateway", settings.log_level)
    serve(create_app(settings), settings.host, settings.port)
