"""The S3 gateway. Read `table.py` first.

table.py       every operation: method, level, sub-resource, permission, limits
handler.py     one request: read, verify, route, authorise, call, answer
call.py        what an operation is given
address.py     from buckets and keys to repositories, refs and paths
buckets.py, listing.py, root_listing.py, reading.py, writing.py   the operations
body.py        request bodies: as they come, and verified
payload.py, aws_chunked.py, chunk_signatures.py   how a body is signed and framed
checksums.py   what bytes sum up to
object_headers.py  what a client says of an object beside its bytes
page_token.py  where a listing goes on
errors.py, problems.py, xml.py, xml_input.py   how it says no, how it says and reads anything
"""
