"""Who is signed in at a server, and requests in that name.

account          who it is, and the ways to sign in; device_flow: by a code in a browser
session          requests with the token, and retries
session_token, token_life, tokens     the token in force, and another when its life ends
confirmation     whether a refusal is believed
address          what is below a server's address, and whom a token may go to
credentials      what a token is, where it is from, and what refreshes it
credential_store     where tokens are looked for and kept: credential_keyring (keyring_access
                 asks it), credential_file, and the given_tokens of variables and files
process_locks    between the processes of a user: on that file, and on renewing a session
"""
