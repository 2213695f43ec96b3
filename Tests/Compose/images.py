"""What lies in an image, and what runs in a container."""
import stat
import subprocess
import tarfile


def files(image):
    """Name, mode, user and group of each file and folder, without running any of it."""
    container = subprocess.run(["docker", "create", image], capture_output=True, text=True, check=True).stdout.strip()
    try:
        export = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
        with tarfile.open(fileobj=export.stdout, mode="r|") as archive:
            for one in archive:
                # Places that the engine itself fills when it starts a container; a link has no mode of its own.
                if one.name.split("/")[0] not in ("dev", "proc", "sys") and not one.issym() and not one.islnk():
                    yield one.name, one.mode, one.uid, one.gid
        export.wait(60)
    finally:
        subprocess.run(["docker", "rm", container], capture_output=True)


def packages(image):
    """Name and version of each."""
    out = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", "--entrypoint", "dpkg-query", image, "-W", "-f", "${Package} ${Version}\n"],
        capture_output=True, text=True, check=True, timeout=120).stdout
    return [line.split() for line in out.splitlines()]


def dangerous(image):
    """What would let somebody inside rise or leave something behind for others."""
    for name, mode, _, _ in files(image):
        if mode & (stat.S_ISUID | stat.S_ISGID):
            yield f"{name} is set-user-id or set-group-id"
        elif mode & stat.S_IWOTH:
            yield f"{name} may be written by everybody"
        elif name.endswith(".key"):
            yield f"{name} is a key that whoever has the image has"


def size(image):
    return int(subprocess.run(["docker", "image", "inspect", "-f", "{{.Size}}", image], capture_output=True, text=True, check=True).stdout)


def processes(container):
    """User and name of each, as the host sees them."""
    out = subprocess.run(["docker", "top", container, "-eo", "pid,uid,comm"], capture_output=True, text=True, check=True).stdout
    return [line.split(None, 2)[1:] for line in out.splitlines()[1:]]


def pids(container):
    """Of each process, as the host has them."""
    out = subprocess.run(["docker", "top", container, "-eo", "pid"], capture_output=True, text=True, check=True).stdout
    return [int(line) for line in out.split()[1:]]
