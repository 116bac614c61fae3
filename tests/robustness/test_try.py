from tests.robustness.kit import *
from tests.robustness import kit
import time
def test_a(unreleased, tmp_path):
    r = kit.settled(unreleased.clone("a"))
    t=time.time()
    d = kit.deeds(r, tmp_path/"log", extra=unreleased.settings())
    print(time.time()-t, len(d)); print("\n".join(d)); print(unreleased.result())
    print(unreleased.file(CONDA)); print([ (q.method,q.path) for q in unreleased.feed.requests])
    t=time.time()
    print(r.wheelstep("release", extra=unreleased.settings()).status, time.time()-t)
