# Starts everything in order, starts again what ends, and ends all of it when told to.

declare -A pids
stopping=0

# launch NAME SIGNAL-WHEN-WE-DIE COMMAND…: its own session, so that Ctrl-C reaches us alone; ends when we do, however that comes.
launch() {
  local name=$1 death=$2
  shift 2
  (
    exec 8>&- 9>&- </dev/null >>"$home/log/$name.log" 2>&1
    exec setsid setpriv --pdeathsig "$death" -- "$@"
  ) &
  pids[$name]=$!
  # Never there without its content.
  echo $! >"$home/run/.$name.pid"
  mv "$home/run/.$name.pid" "$home/run/$name.pid"
}

start() {
  local name=$1 k=${1##*-}
  case $name in
  postgres)
    end_orphans
    launch postgres INT "${postgres_as[@]}" "$postgres_bin/postgres" -D "$postgres_data"
    ;;
  redis) launch redis TERM "${redis_as[@]}" bash -c 'cd "$1" && exec redis-server redis.conf' bash "$redis_data" ;;
  auth) launch auth TERM "$binaries/auth" serve ;;
  db-guardian) launch db-guardian TERM "$binaries/db-guardian" serve ;;
  history-*) launch "$name" TERM "$binaries/history" serve --listen-port "$(port 7502 "$k")" --metrics-port "$(port 9103 "$k")" ;;
  message-gateway-*)
    launch "$name" TERM "$binaries/message-gateway" serve --listen-lines "$(port 7443 "$k")" --listen-https "$(port 8443 "$k")" \
      --metrics-port "$(port 9102 "$k")"
    ;;
  esac
}

# The signal that ends it without loss.
signal_for() { if [[ $1 == postgres ]]; then echo INT; else echo TERM; fi; }

stop() {
  local name
  # What has just ended by itself is no reason to leave the others.
  for name in "$@"; do [[ -z ${pids[$name]:-} ]] || kill -"$(signal_for "$name")" "${pids[$name]}" 2>/dev/null || true; done
  local try
  for ((try = 0; try < 150; try++)); do
    local left=0
    for name in "$@"; do [[ -n ${pids[$name]:-} ]] && kill -0 "${pids[$name]}" 2>/dev/null && left=1; done
    ((left)) || break
    sleep 0.1
  done
  for name in "$@"; do
    [[ -z ${pids[$name]:-} ]] || kill -KILL "${pids[$name]}" 2>/dev/null || true
    rm -f "$home/run/$name.pid"
  done
  return 0
}

stop_all() {
  stopping=1
  trap '' INT TERM HUP
  echo "everline: stopping"
  stop "${services[@]}"
  stop redis postgres
  echo "everline: stopped"
}

# http PORT PATH: the status of a GET.
http() {
  local line
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
  IFS= read -r -t 3 line <&3 || line=
  exec 3<&- 3>&-
  [[ $line == *" 200 "* ]]
}

# wait_for WHAT NAME COMMAND…: two minutes, as the machine may be busy with something else, or until NAME has ended.
wait_for() {
  local what=$1 name=$2 try
  shift 2
  for ((try = 0; try < 2400; try++)); do
    ((stopping)) && return 1
    "$@" 2>/dev/null && return
    kill -0 "${pids[$name]}" 2>/dev/null || break
    sleep 0.05
  done
  echo "everline: $what did not become ready; the end of $home/log/$name.log:" >&2
  tail -n 20 "$home/log/$name.log" >&2
  return 1
}

postgres_ready() { "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$(port 7432)"; }
redis_ready() { (exec 3<>"/dev/tcp/127.0.0.1/$(port 7379)") 2>/dev/null; }

# Everything in order; false if something does not come up.
bring_up() {
  local begun=$SECONDS
  start postgres
  start redis
  wait_for PostgreSQL postgres postgres_ready || return
  "$binaries/db-guardian" roles >>"$home/log/db-guardian.log" 2>&1 || { tail -n 5 "$home/log/db-guardian.log" >&2; return 1; }
  "$binaries/db-guardian" migrate >>"$home/log/db-guardian.log" 2>&1 || { tail -n 5 "$home/log/db-guardian.log" >&2; return 1; }
  # What somebody has set otherwise stays, and is for them to see to: `db-guardian audit check` names it.
  "$binaries/db-guardian" audit harden >>"$home/log/db-guardian.log" 2>&1 || echo "everline: not all is hardened; see db-guardian audit check" >&2
  wait_for Redis redis redis_ready || return
  make_admin || return
  local name k
  for name in "${services[@]}"; do start "$name"; done
  wait_for auth auth http "$(port 9101)" /readyz || return
  wait_for db-guardian db-guardian http "$(port 9104)" /readyz || return
  for ((k = 0; k < histories; k++)); do wait_for history "history-$k" http "$(port 9103 "$k")" /readyz || return; done
  for ((k = 0; k < gateways; k++)); do wait_for message-gateway "message-gateway-$k" http "$(port 9102 "$k")" /readyz || return; done
  echo "everline: up in $((SECONDS - begun)) s; log in as admin with the password in $home/admin-password"
  echo "everline is ready: https://localhost:$(port 8443)"
}

# Reads the list to its end: whoever stops at the first match ends what is still writing, and the pipe would count as failed.
is_admin_there() { "$binaries/auth" users list | awk -F'\t' '$1 == "admin" { found = 1 } END { exit !found }'; }
make_admin() {
  [[ -s $home/admin-password ]] && is_admin_there && return
  openssl rand -base64 18 >"$home/admin-password.new"
  if is_admin_there; then
    "$binaries/auth" users set-password admin <"$home/admin-password.new" >>"$home/log/auth.log" || return
  else
    "$binaries/auth" users create admin --admin <"$home/admin-password.new" >>"$home/log/auth.log" || return
  fi
  mv "$home/admin-password.new" "$home/admin-password"
}

supervise() {
  local k
  services=(auth db-guardian)
  for ((k = 0; k < histories; k++)); do services+=("history-$k"); done
  for ((k = 0; k < gateways; k++)); do services+=("message-gateway-$k"); done
  postgres_as=() redis_as=()
  if [[ $(id -u) -eq 0 ]]; then
    postgres_as=(setpriv --reuid="$postgres_user" --regid="$postgres_user" --clear-groups --pdeathsig INT --)
    redis_as=(setpriv --reuid="$redis_user" --regid="$redis_user" --clear-groups --pdeathsig TERM --)
  fi
  trap 'told=1; stopping=1' INT TERM HUP
  told=0
  if ! bring_up; then
    stop_all
    ((told)) && exit 0
    exit 70
  fi
  local status name
  # A pipe on which nothing ever comes: to wait without another process.
  exec 8<> <(:)
  # Looked at in turns: `wait -n` never tells of a child that ended while the shell ran another command.
  while ((!stopping)); do
    for name in postgres redis "${services[@]}"; do
      kill -0 "${pids[$name]}" 2>/dev/null && continue
      status=0
      wait "${pids[$name]}" 2>/dev/null || status=$?
      ((stopping)) && break
      echo "everline: $name ended (status $status); starting it again"
      start "$name"
    done
    read -rt 0.2 -u 8 || true
  done
  stop_all
}
