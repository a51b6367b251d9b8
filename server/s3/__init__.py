"""The S3 gateway. Read `table.py` first.

table.py       every operation: method, level, sub-resource, permission, limits
handler.py     one request: read, verify, route, authorise, call, answer
call.py        what an operation is given
address.py     from buckets and keys to repositories, refs and paths
reading.py, writing.py, copying.py, deleting.py   operations on objects
tagging.py, attributes.py, access_lists.py        what is said of objects
listing*.py, root_listing.py   listings: what they share, and each version of them
bucket_life.py, sub_resources.py   operations on buckets
copy_source.py, versions.py    what a copy is made of; a commit as the version of an object
form.py, post_policy.py, form_upload.py   uploads by the forms of pages
body.py        request bodies: as they come, and verified
payload.py, aws_chunked.py, chunk_signatures.py   how a body is signed and framed
checksums.py   what bytes sum up to
object_headers.py  what a client says of an object beside its bytes
page_token.py  where a listing goes on
errors.py, problems.py, xml.py, xml_input.py   how it says no, how it says and reads anything
"""
