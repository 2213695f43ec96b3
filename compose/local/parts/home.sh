# The folders of a local run, and who may look into them.

# port BASE [INSTANCE]
port() { echo $(($1 + offset + 10 * ${2:-0})); }

# The user that a store runs as: its package's when we are root, else ourselves.
store_user() { if [[ $(id -u) -eq 0 ]]; then echo "$1"; else id -un; fi; }

# as USER COMMAND…
as() {
  local user=$1
  shift
  if [[ $user == "$(id -un)" ]]; then "$@"; else setpriv --reuid="$user" --regid="$user" --clear-groups -- "$@"; fi
}

# place NAME USER: a folder of the home for a store. When its user cannot look where the home lies, the folder is a link to a place where it
# can; what is inside is the same.
place() {
  local name=$1 user=$2
  [[ -e $home/$name ]] && return
  if as "$user" test -x "$home" 2>/dev/null; then
    mkdir "$home/$name"
  else
    # One place a home, named by chance: a home that was deleted and made again does not find the old one's data.
    if [[ ! -L $home/.elsewhere ]]; then
      mkdir -p /var/lib/everline
      chmod 711 /var/lib/everline
      ln -s "$(mktemp -d /var/lib/everline/XXXXXXXX)" "$home/.elsewhere"
      chmod 711 "$home/.elsewhere/."
    fi
    local real
    real=$(readlink -f "$home/.elsewhere")/$name
    mkdir "$real"
    ln -s "$real" "$home/$name"
  fi
  chown "$user" "$home/$name/."
  chmod 700 "$home/$name/."
}

prepare_home() {
  postgres_user=$(store_user postgres)
  redis_user=$(store_user redis)
  # Only to pass through: each folder inside has its own mode.
  [[ $(id -u) -eq 0 ]] && chmod 711 "$home"
  mkdir -p "$home"/{certs,secrets,config,log,staging}
  chmod 700 "$home"/{secrets,config,log,staging}
  chmod 711 "$home/certs"
  place postgres "$postgres_user"
  place run "$postgres_user"
  chmod 711 "$home/run/."
  place backups "$postgres_user"
  place guardian "$postgres_user"
  place server-log "$postgres_user"
  place redis "$redis_user"
  exec 9>"$home/config/.lock"
  flock -n 9 || { echo "everline: another make run uses $home" >&2; exit 75; }
  local base
  for base in 7432 7379 7501 7503 9101 9104; do refuse_taken "$(port "$base")"; done
  local k
  for ((k = 0; k < gateways; k++)); do for base in 7443 8443 9102; do refuse_taken "$(port "$base" "$k")"; done; done
  for ((k = 0; k < histories; k++)); do for base in 7502 9103; do refuse_taken "$(port "$base" "$k")"; done; done
  local role
  for role in everline_guardian everline_auth everline_gateway everline_history everline_watch replicator postgres; do secret "postgres-$role"; done
  for role in auth message-gateway history; do secret "redis-$role"; done
  [[ -s $home/secrets/second-factors.key ]] || (umask 077 && openssl rand -hex 32 >"$home/secrets/second-factors.key")
}

# A store that an earlier run left behind is stopped; anything else on our ports is not ours to stop.
refuse_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
  local name pid
  for name in "$home"/run/*.pid; do
    [[ -f $name ]] || continue
    pid=$(<"$name")
    # Or else it has ended since.
    [[ $pid =~ ^[0-9]+$ ]] && tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qxF "EVERLINE_HOME=$home" && { kill -INT "$pid" 2>/dev/null || true; }
  done
  local try
  for ((try = 0; try < 100; try++)); do
    sleep 0.1
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
  done
  echo "everline: port $1 is taken. HINT: EVERLINE_PORT_OFFSET=100 make run" >&2
  exit 69
}

secret() { [[ -s $home/secrets/$1 ]] || openssl rand -hex 24 >"$home/secrets/$1"; }
