"""The last import of the fork server: what every child would else do for itself.

It reads what the machine is, and imports the catalogue, once. Then it sets every object there is
aside from garbage collection: otherwise the first collection in each child walks all that the
framework's import created, and so copies the pages that it shares with the server.
"""

import gc

from cnnbench import blocks, layers
from cnnbench.host import environment

blocks.catalogue()
layers.load_all()
environment.machine()
gc.collect()
gc.freeze()
