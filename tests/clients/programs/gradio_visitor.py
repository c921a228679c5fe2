"""A visitor of docs/examples/gradio_page.py, who asks a question, and plays the answer."""

import json
import sys
import tempfile
import threading
import time
import urllib.request
import wave
from pathlib import Path

import uvicorn
from gradio_client import Client, handle_file

sys.path.insert(0, sys.argv[1])
from gradio_page import app

server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
thread = threading.Thread(target=server.run, daemon=True)
thread.start()
while not server.started:
    time.sleep(0.05)
address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
page = urllib.request.urlopen(address, timeout=10).read().decode()
question = Path(tempfile.mkdtemp()) / "question.wav"
with wave.open(str(question), "wb") as file:
    file.setparams((1, 2, 24000, 0, "NONE", ""))
    file.writeframes(Path(sys.argv[2]).read_bytes())
said, words = Client(address, verbose=False).predict(handle_file(question), api_name="/predict")
with wave.open(said) as file:
    seconds = file.getnframes() / file.getframerate()
server.should_exit = True
thread.join(20)
print(json.dumps({"title": "Parley" in page, "seconds": seconds, "words": words}))
