"""Importing this sets every object there is aside from garbage collection.

The last import of the fork server. Without it, the first collection in each child walks
all that the framework's import created, and so copies the pages it shares with the server.
"""

import gc

gc.collect()
gc.freeze()
