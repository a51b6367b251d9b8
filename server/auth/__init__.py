"""Who is asking, and may they.

store.py         the contract: what is kept of users, keys and grants
names.py         the rule for user names
grants.py        levels, and the globs that say where they hold
people.py        what can be done about users, their keys and their grants
principal.py     who is asking, as the rest of the server sees it
secrets.py       making access keys; sealing their secrets
keyring.py       finding a key and its secret, fresh each time
target.py        the raw request target, read once, for signing and for use alike
sigv4.py         AWS signatures, version 4: header and presigned
authenticate.py  the one way in for every protocol
authorize.py     the one place where is decided who may do what
caller.py        who asks, as operations on runs see it
requirements.py  what a row of an operations table says of who may call it
"""
