"""What HTTP says of requests for bytes, and what bounds them: for every protocol.

ranges.py         which bytes are asked for
preconditions.py  whether they are to be sent at all
sending.py        what is sent, and under which headers
whole.py          answers of which every byte is known, sent in one piece
streams.py        how many large bodies are taken in at one time
"""
