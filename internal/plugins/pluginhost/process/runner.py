"""Runs hooks of one plugin: the part of the plugin host that lives in the
plugin's own interpreter.

Requests come as one line of JSON each on standard input, results leave as one
line of JSON each on file descriptor 3, so that a plugin may print whatever it
likes. In "fresh" mode there is one request, in "worker" mode there are many.
"""
import os
import sys


def subreaper():
    """Makes this process the parent of all orphans below it (Linux)."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    except Exception:
        pass  # the host says what it cannot find


def die_with_parent():
    """Ends this process when the one that stands guard ends (Linux)."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
    except Exception:
        pass  # as above


def end_all():
    """Ends every process below this one. Those of a process that ended have
    become its own, so that none is left when there are no children."""
    me = str(os.getpid())
    while True:
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open("/proc/" + name + "/stat", "rb") as f:
                    parent = f.read().rpartition(b")")[2].split()[1].decode()
                if parent == me:
                    os.kill(int(name), 9)
            except OSError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def stand_guard(guard):
    """Goes on in a child. The parent stays behind: as the first process of a
    namespace, or as the one that gets all orphans, it is what nothing that the
    plugin starts can leave. Its exit status is the child's; 128 and more is the
    signal that ended it."""
    if guard == "none":
        return
    if guard == "tree":
        subreaper()
    child = os.fork()
    if not child:
        if guard == "tree":
            die_with_parent()
        return
    if guard == "tree":
        import _signal

        # The host has ended, and could not say so in another way.
        _signal.signal(15, lambda *_: (end_all(), os._exit(143)))
    for fd in range(4):
        try:
            os.close(fd)
        except OSError:
            pass
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            os._exit(127)
        if pid == child:
            break
    if guard == "tree":
        end_all()
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def limit(limits):
    """Sets what the kernel is to refuse; a system that has no such limit goes
    without. Returns the processor time of a call in seconds."""
    wanted = dict(part.split("=") for part in limits.split(",") if part)
    try:
        import resource
    except ImportError:
        return 0
    for name, value in wanted.items():
        kind = getattr(resource, "RLIMIT_" + name, None)
        if kind is None or name == "CPU":
            continue
        try:
            hard = resource.getrlimit(kind)[1]
            value = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            pass
    return int(wanted.get("CPU", 0))


if __name__ == "__main__":
    stand_guard(sys.argv[3])
    CPU = limit(sys.argv[4]) if sys.argv[1] != "spawner" else 0

import time

BEGAN = time.perf_counter()

import importlib.machinery
import importlib.util
import json


def out_of_reach(fd):
    """A copy of a descriptor that closing the usual numbers does not hit."""
    try:
        import fcntl

        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 500)
    except (ImportError, OSError):
        return os.dup(fd)


class Channel:
    """The two ends of the host, moved out of the plugin's reach."""

    def __init__(self):
        self._requests = os.fdopen(out_of_reach(0), "r", encoding="utf-8")
        self._results = out_of_reach(3)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.close(3)

    def receive(self):
        line = self._requests.readline()
        return json.loads(line) if line else None

    def send(self, reply):
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            try:
                stream.flush()
            except Exception:
                pass  # closed or replaced by the plugin
        data = json.dumps(reply, allow_nan=False).encode("ascii") + b"\n"
        while data:
            data = data[os.write(self._results, data):]


class Surroundings:
    """What a plugin can change around itself. A fresh interpreter has it all in
    its first state; a worker puts it back before every call, to the state right
    after the plugin was imported, because imports run in every fresh one too."""

    def __init__(self):
        self._output = out_of_reach(1)
        self._before = dict(os.environ)
        self._changed = {}
        self._removed = ()

    def remember(self):
        now = dict(os.environ)
        self._changed = {k: v for k, v in now.items() if self._before.get(k) != v}
        self._removed = [k for k in self._before if k not in now]
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._path = list(sys.path)
        self._streams = sys.stdin, sys.stdout, sys.stderr
        self._limit = sys.getrecursionlimit()
        logging = sys.modules.get("logging")
        self._handlers = list(logging.root.handlers) if logging else []
        self._filters = list(logging.root.filters) if logging else []
        self._level = logging.root.level if logging else 30
        self._disabled = logging.root.manager.disable if logging else 0

    def restore(self, env):
        os.environ.clear()
        os.environ.update(env)
        os.environ.update(self._changed)
        for name in self._removed:
            os.environ.pop(name, None)
        os.umask(self._umask)
        os.chdir(env["HOME"])
        for fd in (1, 2):
            os.dup2(self._output, fd)
        sys.path[:] = self._path
        sys.stdin, sys.stdout, sys.stderr = self._streams
        sys.setrecursionlimit(self._limit)
        tempfile = sys.modules.get("tempfile")
        if tempfile:
            tempfile.tempdir = None
        logging = sys.modules.get("logging")
        if logging:
            logging.root.handlers[:] = self._handlers
            logging.root.filters[:] = self._filters
            logging.root.setLevel(self._level)
            logging.disable(self._disabled)
        socket = sys.modules.get("socket")
        if socket:
            socket.setdefaulttimeout(None)
        signal = sys.modules.get("signal")
        if signal and hasattr(signal, "alarm"):
            signal.alarm(0)


def load(request):
    """Imports the entry point, with the plugin's root first on the path."""
    head = [request["dir"]]
    if request["deps"]:
        import site

        before = list(sys.path)
        site.addsitedir(request["deps"])
        head += [p for p in sys.path if p not in before]
        sys.path[:] = before
        if request["deps"] not in head:
            head.append(request["deps"])
    sys.path[:0] = head
    entry = request["entry"]
    path = os.path.join(request["dir"], entry)
    name = entry[:-3] if entry.endswith(".py") else entry
    if name in sys.modules:
        name = "plugin_entry_point"
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, path, loader=loader))
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def construct(module, request):
    plugin = getattr(module, "Plugin", None)
    if plugin is None:
        raise AttributeError("{} defines no class 'Plugin'".format(request["entry"]))
    configuration = request["configuration"]
    if not configuration and takes_nothing(plugin):
        return plugin()
    return plugin(configuration)


def takes_nothing(plugin):
    """Plugins from before there were configurations have no parameter for one."""
    start = plugin.__init__
    if start is object.__init__:
        return plugin.__new__ is object.__new__
    code = getattr(start, "__code__", None)
    return code is not None and code.co_argcount == 1 and not code.co_kwonlyargcount and not code.co_flags & 0x0C


def parameters(method):
    """The names that a bound method takes by keyword, and whether it takes any
    other. Reading the code object saves fresh interpreters the import of
    inspect, which knows about the rarer kinds of callables."""
    function = getattr(method, "__func__", None)
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        import inspect

        found = inspect.signature(method).parameters.values()
        names = [p.name for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        return names, any(p.kind == p.VAR_KEYWORD for p in found)
    first = max(1, getattr(code, "co_posonlyargcount", 0))
    return code.co_varnames[first:code.co_argcount + code.co_kwonlyargcount], bool(code.co_flags & 0x08)


def chosen(method, args):
    """The arguments that the hook's signature takes."""
    names, every = parameters(method)
    return args if every else {k: v for k, v in args.items() if k in names}


SPARE = []


def keep_room():
    """Holds descriptors that a plugin which uses up all of them leaves for the
    report of it."""
    while len(SPARE) < 4:
        SPARE.append(out_of_reach(2))


def give_way():
    while SPARE:
        try:
            os.close(SPARE.pop())
        except OSError:
            pass


def describe(kind, error):
    """An exception as the host reports it. It goes to the log as well, where
    the box has it too."""
    give_way()
    import traceback

    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith((__file__, "<frozen importlib")):
        frames = frames.tb_next
    lines = traceback.format_exception(type(error), error, frames)
    text = "".join(lines)
    try:
        sys.stderr.write(text)
    except Exception:
        pass
    try:
        message = str(error)
    except Exception:
        message = "(its text cannot be made)"
    return {"kind": kind, "type": type(error).__name__, "text": message[:20000], "traceback": text[-100000:]}


def more_time():
    """Gives a call its processor time, whatever the ones before have used."""
    if not CPU:
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + CPU, hard))


class Trace:
    """Which lines of the plugin ran, as coverage.py sees them; nothing where it is not
    installed. Only the process that began it writes it down."""

    def __init__(self, folder, plugin):
        self.coverage = None
        try:
            import coverage
        except ImportError:
            return
        self.pid = os.getpid()
        self.coverage = coverage.Coverage(
            data_file=os.path.join(folder, "run"), data_suffix=True, branch=True, source=[plugin], config_file=False, messages=False)
        self.coverage.start()

    def keep(self):
        if self.coverage is None or os.getpid() != self.pid:
            return
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.coverage.stop()
            self.coverage.save()


class Host:
    """Runs the requests of this process."""

    def __init__(self, channel, box, fresh):
        self.channel = channel
        self.fresh = fresh
        self.box = box
        self.module = None
        self.surroundings = Surroundings()
        self.trace = None
        self.pid = os.getpid()

    def serve(self, request):
        """One hook. False if this interpreter should not go on."""
        marks = [time.perf_counter()]
        reply = {"id": request["id"]}
        healthy = True
        try:
            if self.module is None:
                healthy = False
                if self.fresh and request.get("trace"):
                    self.trace = Trace(request["trace"], request["dir"])
                self.box.begin(request)
                self.module = load(request)
                if request.get("learn"):
                    reply["modules"] = modules_beside(request["dir"])
                self.surroundings.remember()
                healthy = True
            self.box.begin(request)
            self.surroundings.restore(request["env"])
            more_time()
            keep_room()
            marks.append(time.perf_counter())
            plugin = construct(self.module, request)
            marks.append(time.perf_counter())
            self.call(plugin, request, reply)
        except Exception as error:
            reply["error"] = describe("exception", error)
        marks.append(time.perf_counter())
        reply["times"] = [b - a for a, b in zip(marks, marks[1:])]
        reply["ended"] = not healthy
        if self.trace:
            self.keep_trace()
        self.answer(reply)
        return healthy

    def keep_trace(self):
        try:
            self.trace.keep()
        except Exception as error:
            give_way()
            sys.stderr.write("what was run of the plugin could not be written down: {}\n".format(error))

    def call(self, plugin, request, reply):
        method = getattr(plugin, request["hook"], None)
        reply["absent"] = [h for h in request["known"] if getattr(plugin, h, None) is None]
        if method is None:
            reply["missing"] = True
            return
        args = chosen(method, request["args"])
        reply["passed"] = sorted(args)
        reply["result"] = method(**args)

    def answer(self, reply):
        if os.getpid() != self.pid:
            os._exit(0)  # a copy that the plugin forked: only the original answers
        try:
            self.channel.send(reply)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            reply.pop("result", None)
            reply["error"] = describe("not-json", error)
            self.channel.send(reply)


def modules_beside(folder):
    """The modules that are loaded, apart from those of the plugin and of this
    program, in the order in which they came."""
    folder = os.path.join(folder, "")
    out = []
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        places = [getattr(spec, "origin", None) or ""] + list(getattr(spec, "submodule_search_locations", None) or [])
        if spec is not None and name not in ("__main__", "_counterpart_box") and not any(str(p).startswith(folder) for p in places):
            out.append(name)
    return out


# What a spawner itself imports, and plugins do not get to see.
OWN = ("ctypes", "_ctypes", "struct", "_struct", "_socket", "select", "gc", "site", "_sitebuiltins")


class Spawner:
    """Forks an interpreter for each hook off this one, which has imported what the
    plugin imports beside its own modules, and has never run a line of the plugin.
    Each is in user and process namespaces of its own, as if it had been started."""

    def __init__(self, box):
        import _socket
        import ctypes
        import gc
        import select

        self._select, self._gc = select.select, gc
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._errno = ctypes.get_errno
        self._rights = _socket.SCM_RIGHTS
        self._level = _socket.SOL_SOCKET
        self._host = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, out_of_reach(3))
        os.close(3)
        self._box = box
        self._children = {}

    def tell(self, **message):
        self._host.send(json.dumps(message).encode("ascii"))

    def prepare(self, before):
        """Imports what it is told to, and says what is there then."""
        order = json.loads(self._host.recv(1 << 20).decode("utf-8"))
        path = list(sys.path)
        if order["deps"]:
            import site

            site.addsitedir(order["deps"])
        for name in order["modules"]:
            if name not in sys.modules:
                try:
                    importlib.import_module(name)
                except Exception:
                    pass  # the host sees that it is missing
        sys.path[:] = path
        for name in list(sys.modules):
            if name not in before and name not in order["modules"] and name.partition(".")[0] in OWN:
                del sys.modules[name]
        self._gc.collect()
        self._gc.freeze()  # what is here is shared by all
        self.tell(modules=modules_beside("\0"))

    def wait(self):
        """Returns in each interpreter that is forked off, with its order."""
        while True:
            self._reap()
            if not self._select([self._host], [], [], 1 if self._children else None)[0]:
                continue
            data, ancillary, _, _ = self._host.recvmsg(1 << 20, 256)
            if not data:
                os._exit(0)  # the host is done
            fds = []
            for level, kind, content in ancillary:
                if level == self._level and kind == self._rights:
                    fds += [int.from_bytes(content[i:i + 4], sys.byteorder) for i in range(0, len(content) - 3, 4)]
            order = json.loads(data.decode("utf-8"))
            child = os.fork()
            if not child:
                return self._enter(order, fds)
            for fd in fds:
                os.close(fd)
            self._children[child] = order["id"]

    def _reap(self):
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            ended = self._children.pop(pid, None)
            if os.WIFSIGNALED(status) and ended is not None:
                self.tell(id=ended, status=128 + os.WTERMSIG(status))  # it could not say so itself

    def _enter(self, order, fds):
        """Goes on as the interpreter of a hook, two processes further: this one
        waits outside of the new namespaces, the next is the first in them."""
        uid, gid = os.getuid(), os.getgid()
        if self._libc.unshare(0x10000000 | 0x20000000):  # CLONE_NEWUSER, CLONE_NEWPID
            self.tell(id=order["id"], error=os.strerror(self._errno()))
            os._exit(127)
        try:
            for name, text in (("setgroups", "deny"), ("uid_map", "{0} {0} 1".format(uid)), ("gid_map", "{0} {0} 1".format(gid))):
                fd = os.open("/proc/self/" + name, os.O_WRONLY)
                os.write(fd, text.encode("ascii"))
                os.close(fd)
            first = os.fork()
        except OSError as error:
            self.tell(id=order["id"], error=str(error))
            os._exit(127)
        if first:
            self.tell(id=order["id"], pid=first)
            for fd in fds:
                os.close(fd)
            _, status = os.waitpid(first, 0)
            self.tell(id=order["id"], status=128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
            os._exit(0)
        self._host.close()
        moved = [out_of_reach(fd) for fd in fds]
        for fd in fds:
            os.close(fd)
        fds = moved
        for want, fd in enumerate((fds[0], fds[1], fds[1], fds[2])):
            os.dup2(fd, want)
        for fd in fds:
            os.close(fd)
        stand_guard("namespace")
        os.environ.clear()
        os.environ.update(order["env"])
        os.chdir(order["env"]["HOME"])
        global CPU
        CPU = limit(order["limits"])
        return order


def main():
    mode, box_module = sys.argv[1], sys.argv[2]
    sys.argv[:] = [""]
    here = sys.path.pop(0)  # the folder of this file is no place for plugins to look
    if mode == "spawner":
        before = set(sys.modules)
    else:
        channel = Channel()
    spec = importlib.util.spec_from_file_location("_counterpart_box", os.path.join(here, box_module))
    box = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(box)
    if mode == "spawner":
        whole = box.Box()
        spawner = Spawner(whole)
        spawner.prepare(before)
        spawner.wait()
        channel, mode = Channel(), "fresh"
        request = channel.receive()
        if request is not None:
            whole.load(request["box"])
            Host(channel, whole, True).serve(request)
        return
    host = None
    while True:
        request = channel.receive()
        if request is None:
            return
        if host is None:
            host = Host(channel, box.Box(request["box"]), mode == "fresh")
        if not host.serve(request) or mode == "fresh":
            return


main()
