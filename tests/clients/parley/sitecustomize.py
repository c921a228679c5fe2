"""Parley and what it needs, behind a client's own packages, in each of its Python processes."""

import os
import site

site.addsitedir(os.environ["PARLEY_PACKAGES"])
