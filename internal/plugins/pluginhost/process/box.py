"""The services of the box inside a plugin's interpreter: names, files, and,
where the Plugin SDK is installed, what its stand-in for the box is filled with.
Nothing is imported for a plugin's sake: each module is changed when it loads."""
import json
import os
import sys
import time


class Box:
    """The box as this interpreter sees it."""

    def __init__(self, path=None):
        """Without a path nothing is known of the box yet; load says it."""
        self.data = {"files": {}, "pinned": "", "stores": {}, "user_lists": {}, "ldap": {}, "rest": {}, "starling": None, "proxy": None,
                     "cas": {}, "cache": "", "dns": {}, "redirects": {}, "real_dns": False}
        if path is not None:
            self._read(path)
        self.names = None
        self.tmp = ""
        self.now = 0.0
        self.since = time.monotonic()
        self._patches = {
            "socket": self._socket,
            "safeguard.sessions.plugin_impl.credential_store": self._credential_store,
            "safeguard.sessions.plugin_impl.user_list": self._user_list,
            "safeguard.sessions.plugin_impl.ldap_server": self._ldap_server,
            "safeguard.sessions.plugin_impl.box_config": self._box_config,
            "safeguard.sessions.plugin_impl.memory_cache": self._memory_cache,
        }
        if self.data["files"]:
            Files(self.data["files"]).install()
        if self.data["files"] or self.data["pinned"]:
            self._patches["ssl"] = self._ssl
        for name in list(self._patches):
            if name in sys.modules:
                self._patches.pop(name)(sys.modules[name])
        sys.meta_path.insert(0, self)

    def _read(self, path):
        with open(path, encoding="utf-8") as f:
            self.data = json.load(f)

    def load(self, path):
        """The box that this interpreter, forked from one that knew of none, is in.
        It must have no files of its own and pin no CA: modules that were imported
        already would not see them."""
        self._read(path)
        if self.names is not None:
            self.names.configure(self.data)
        for name, fill in (("credential_store", self._credential_store), ("user_list", self._user_list), ("ldap_server", self._ldap_server)):
            module = sys.modules.get("safeguard.sessions.plugin_impl." + name)
            if module is not None:
                fill(module)

    def begin(self, request):
        """A new call: its own temporary folder, the host's time."""
        self.tmp = request["env"]["TMPDIR"]
        self.now = request["now"]
        self.since = time.monotonic()
        config = sys.modules.get("safeguard.sessions.plugin_impl.box_config")
        if config is not None:
            self._box_config(config)

    def clock(self):
        return self.now + time.monotonic() - self.since

    def find_spec(self, name, path=None, target=None):
        """As a finder: lets the others find the module, and changes it once it
        has run."""
        if name not in self._patches:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._after(spec.loader, name)
                return spec
        return None

    def _after(self, loader, name):
        run = loader.exec_module

        def exec_module(module):
            run(module)
            self._patches[name](module)

        loader.exec_module = exec_module

    def _socket(self, module):
        self.names = Names(self.data, module)
        self.names.install()

    def _ssl(self, module):
        """OpenSSL opens files by itself. A client that pins a list of CAs of its
        own loads it here, and gets the box's CA beside it if the plugin is one
        that is made to trust it, which its environment tells."""
        files, pinned = self.data["files"], self.data["pinned"]
        context = module.SSLContext
        chain, locations = context.load_cert_chain, context.load_verify_locations

        def load_cert_chain(ctx, certfile, keyfile=None, password=None):
            return chain(ctx, files.get(certfile, certfile), files.get(keyfile, keyfile), password)

        def load_verify_locations(ctx, cafile=None, capath=None, cadata=None):
            locations(ctx, files.get(cafile, cafile), capath, cadata)
            if pinned and os.environ.get("SSL_CERT_FILE") == pinned:
                locations(ctx, pinned)

        context.load_cert_chain = load_cert_chain
        context.load_verify_locations = load_verify_locations

    def _credential_store(self, module):
        module.credential_stores.clear()
        for store, users in self.data["stores"].items():
            module.credential_stores[store] = {
                user: {host: [(entry,) for entry in entries] for host, entries in hosts.items()}
                for user, hosts in users.items()
            }

    def _user_list(self, module):
        module.user_lists.clear()
        module.user_lists.update(self.data["user_lists"])

    def _ldap_server(self, module):
        module.ldap_servers.clear()
        module.ldap_servers.update(self.data["ldap"])

    def _box_config(self, module):
        module.unstable_box_configuration.clear()
        module.unstable_box_configuration.update(self.data["rest"] or {})
        module.stable_box_configuration.update(
            gateway_fqdn=self.data.get("hostname"),
            starling_join_credential_string=self.data["starling"],
            http_proxy=self.data["proxy"],
            trusted_ca_lists={name: {"name": name, "certs": list(certs)} for name, certs in self.data["cas"].items()},
            # Each look-up rebuilds this folder: it must be nobody else's.
            trusted_ca_lists_location=os.path.join(self.tmp, "trusted_ca_lists"),
        )

    def _memory_cache(self, module):
        cache = Cache(self)

        class MemoryCache:
            """One cache for all plugins and processes of the box."""

            def set_binary(self, key, value, ttl):
                cache.set(key, value, ttl)

            def get_binary(self, key):
                return cache.get(key)

        module.MemoryCache = MemoryCache


class Cache:
    """A folder with one file per key. A file appears under its name in one
    step, so that readers need no lock and the last writer wins."""

    def __init__(self, box):
        self._box = box
        self._clock = box.clock

    @property
    def _folder(self):
        return self._box.data["cache"]

    def _path(self, key):
        import hashlib

        return os.path.join(self._folder, hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest())

    def set(self, key, value, ttl):
        import tempfile

        if isinstance(value, str):
            value = value.encode("utf-8")
        expires = self._clock() + ttl if ttl and ttl > 0 else 0
        head = json.dumps({"key": key, "expires": expires}).encode("ascii")
        fd, path = tempfile.mkstemp(dir=self._folder, prefix=".")
        with os.fdopen(fd, "wb") as f:
            f.write(head + b"\n" + bytes(value))
        os.rename(path, self._path(key))

    def get(self, key):
        try:
            with open(self._path(key), "rb") as f:
                head, value = f.readline(), f.read()
        except FileNotFoundError:
            return None
        expires = json.loads(head.decode("ascii"))["expires"]
        return None if expires and expires <= self._clock() else value


class Files:
    """Files of the box under their own paths."""

    def __init__(self, files):
        self._files = files

    def _path(self, path):
        try:
            return self._files.get(os.fspath(path), path)
        except TypeError:
            return path  # a descriptor, or nonsense to be refused by whom it is for

    def install(self):
        import builtins
        import io

        opener = builtins.open

        def open_(file, *args, **kwargs):
            return opener(self._path(file), *args, **kwargs)

        builtins.open = io.open = open_
        for name in ("open", "stat", "lstat", "access"):
            setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, function):
        def wrapped(path, *args, **kwargs):
            return function(self._path(path), *args, **kwargs)

        return wrapped


class Names:
    """Name resolution by the box's table. Redirected names keep their own name
    in everything that is sent, because only their address changes."""

    def __init__(self, data, socket):
        self._socket = socket
        self._getaddrinfo = socket.getaddrinfo
        self.configure(data)

    def configure(self, data):
        """The tables of a box; its own name must be known from the start."""
        self._real = data["real_dns"]
        self._hostname = data.get("hostname")
        self._reverse = data["dns"]
        self._forward = {}
        for ip, names in self._reverse.items():
            for name in names:
                self._forward.setdefault(name.lower(), []).append(ip)
        self._redirects = {}
        self._hosts = {}
        for source, target in data["redirects"].items():
            self._redirects[self._split(source)] = self._split(target)
            self._hosts.setdefault(self._split(source)[0], self._split(target)[0])

    @staticmethod
    def _split(address):
        host, _, port = address.rpartition(":")
        return host.strip("[]").lower(), int(port)

    def install(self):
        s = self._socket
        self._gethostbyname = s.gethostbyname
        self._gethostbyname_ex = s.gethostbyname_ex
        self._gethostbyaddr = s.gethostbyaddr
        s.getaddrinfo = self.getaddrinfo
        s.gethostbyname = self.gethostbyname
        s.gethostbyname_ex = self.gethostbyname_ex
        s.gethostbyaddr = self.gethostbyaddr
        if self._hostname:
            s.gethostname = lambda: self._hostname
        # Sockets resolve names by themselves as well.
        for name in ("connect", "connect_ex", "sendto"):
            setattr(s.socket, name, self._addressed(getattr(s.socket, name)))

    def _addressed(self, method):
        """A socket's method whose last argument is an address."""

        def wrapped(sock, *args):
            if args and sock.family in (self._socket.AF_INET, self._socket.AF_INET6):
                args = args[:-1] + (self._translate(args[-1]),)
            return method(sock, *args)

        return wrapped

    def _translate(self, address):
        if not isinstance(address, tuple) or len(address) < 2 or not isinstance(address[0], str) or not address[0]:
            return address
        target = self._redirects.get((address[0].lower().rstrip("."), address[1]))
        if target is not None:
            return target + address[2:]
        addresses = self._addresses(address[0])
        return address if addresses is None else (addresses[0],) + address[1:]

    def _literal(self, host):
        for family in (self._socket.AF_INET, self._socket.AF_INET6):
            try:
                self._socket.inet_pton(family, host.partition("%")[0])
                return True
            except OSError:
                pass
        return False

    def _addresses(self, host):
        """The addresses of a name; None if it is not this table's business."""
        name = host.lower().rstrip(".")
        if name == "localhost" or self._literal(host):
            return None
        if name in self._forward:
            return self._forward[name]
        if name in self._hosts:
            target = self._hosts[name]
            if self._literal(target):
                return [target]
            return [info[4][0] for info in self._getaddrinfo(target, None)]
        if self._real:
            return None
        raise self._socket.gaierror(self._socket.EAI_NONAME, "Name or service not known (box.dns does not list {!r})".format(host))

    def _port(self, port):
        try:
            return int(port)
        except (TypeError, ValueError):
            pass
        try:
            return self._socket.getservbyname(port)
        except (TypeError, OSError):
            return None

    def getaddrinfo(self, host, port, *args, **kwargs):
        if isinstance(host, (bytes, bytearray)):
            host = bytes(host).decode("idna")
        if not host:
            return self._getaddrinfo(host, port, *args, **kwargs)
        target = self._redirects.get((host.lower().rstrip("."), self._port(port)))
        if target is not None:
            return self._getaddrinfo(target[0], target[1], *args, **kwargs)
        addresses = self._addresses(host)
        if addresses is None:
            return self._getaddrinfo(host, port, *args, **kwargs)
        found, error = [], None
        for address in addresses:
            try:
                found.extend(self._getaddrinfo(address, port, *args, **kwargs))
            except OSError as e:
                error = e  # of the other family
        if not found:
            raise error or self._socket.gaierror(self._socket.EAI_NONAME, "Name or service not known")
        return found

    def gethostbyname(self, host):
        addresses = self._addresses(host) if host else None
        return self._gethostbyname(host) if addresses is None else addresses[0]

    def gethostbyname_ex(self, host):
        addresses = self._addresses(host) if host else None
        return self._gethostbyname_ex(host) if addresses is None else (host, [], list(addresses))

    def gethostbyaddr(self, host):
        addresses = [host] if self._literal(host) else self._addresses(host) or [host]
        for address in addresses:
            names = self._reverse.get(address)
            if names:
                return names[0], list(names[1:]), [address]
        if self._real:
            return self._gethostbyaddr(host)
        raise self._socket.herror(1, "Unknown host")
