"""The last import of the fork server: what every child would otherwise do for itself.

It reads what the machine is, and imports the catalogue, once. Then it hides all objects from the
garbage collector. Otherwise the first collection in each child would walk all objects that the
import of the framework made, and so copy the pages that the child shares with the server.
"""

import gc

from cnnbench import blocks, layers
from cnnbench.host import environment

blocks.catalogue()
layers.load_all()
environment.machine()
gc.collect()
gc.freeze()
