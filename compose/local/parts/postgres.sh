# A private PostgreSQL: TLS 1.3, SCRAM everywhere, pgAudit, WAL archived.

prepare_postgres() {
  postgres_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  [[ -n $postgres_bin ]] || { echo "everline: PostgreSQL's programs are not in /usr/lib/postgresql" >&2; exit 69; }
  postgres_data=$(readlink -f "$home/postgres")
  run_folder=$(readlink -f "$home/run")
  local backups guardian server_log
  backups=$(readlink -f "$home/backups")
  guardian=$(readlink -f "$home/guardian")
  server_log=$(readlink -f "$home/server-log")
  # Whoever wants them for longer keeps a copy.
  find "$server_log" -name 'everline-*' -mtime +14 -delete
  if [[ ! -f $postgres_data/PG_VERSION ]]; then
    echo "everline: creating the database"
    install -m 600 -o "$postgres_user" "$home/secrets/postgres-postgres" "$backups/.initial"
    (cd "$postgres_data" && as "$postgres_user" "$postgres_bin/initdb" -D "$postgres_data" -U postgres -A scram-sha-256 --pwfile="$backups/.initial" \
      --encoding=UTF8 --locale=C.UTF-8 --data-checksums) >"$home/log/initdb.log" 2>&1 || { cat "$home/log/initdb.log" >&2; exit 70; }
    rm -f "$backups/.initial"
  fi
  install -m 600 -o "$postgres_user" "$home/certs/postgres.key" "$postgres_data/server.key"
  install -m 644 -o "$postgres_user" "$home/certs/postgres.pem" "$postgres_data/server.pem"
  install -m 644 -o "$postgres_user" "$home/certs/ca.pem" "$postgres_data/ca.pem"
  grep -q "^include 'everline.conf'" "$postgres_data/postgresql.conf" || echo "include 'everline.conf'" >>"$postgres_data/postgresql.conf"
  sed -e "s|@LISTEN@|127.0.0.1|" -e "s|@PORT@|$(port 7432)|" -e "s|@RUN@|${run_folder//\'/\'\'}|" -e "s|@LOG@|${server_log//\'/\'\'}|" -e "s|@GUARDIAN@|$(archive_path "$guardian")|g" compose/postgres/everline.conf \
    >"$postgres_data/everline.conf"
  sed -e "s|@FROM@|127.0.0.1/32|" compose/postgres/pg_hba.conf >"$postgres_data/pg_hba.conf"
  chown "$postgres_user" "$postgres_data/everline.conf" "$postgres_data/pg_hba.conf"
}

# A path as it stands within double quotes in archive_command.
archive_path() {
  local text=${1//\'/\'\'}
  echo "${text//%/%%}"
}

# What PostgreSQL's archiver runs, where its user can look: the guardian, its settings, and beside it those of its libraries that lie elsewhere.
prepare_archiver() {
  local guardian library
  guardian=$(readlink -f "$home/guardian")
  cmp -s "$binaries/db-guardian" "$guardian/db-guardian" || install -m 755 "$binaries/db-guardian" "$guardian/db-guardian.new"
  if [[ -f $guardian/db-guardian.new ]]; then
    # Or the kernel writes it out at once half a minute later, and for as long no commit reaches the disk.
    sync "$guardian/db-guardian.new"
    mv "$guardian/db-guardian.new" "$guardian/db-guardian"
  fi
  while read -r library; do
    as "$postgres_user" test -r "$library" || install -m 644 "$library" "$guardian/"
  done < <(ldd "$binaries/db-guardian" | awk '$3 ~ /^\// { print $3 }')
  install -m 600 -o "$postgres_user" /dev/null "$guardian/archive.json"
  echo "{$(repository_json)}" >"$guardian/archive.json"
  # An archive from before the guardian had one.
  if [[ -d $home/backups/wal && ! -f $home/backups/repository.json ]]; then mv "$home/backups/wal" "$home/backups/.wal-before"; fi
  "$binaries/db-guardian" repository create >>"$home/log/db-guardian.log" 2>&1 || { tail -n 3 "$home/log/db-guardian.log" >&2; exit 70; }
}

# Ends what a killed postmaster left. A backend that waits for a lock of one that was killed too never notices, keeps the shared memory, and no
# server starts beside it; an init system ends them with their control group. The logger goes by itself, once it has written what it has.
end_orphans() {
  local try folder pid name left postmaster pattern
  pattern=$(sed 's/[][*?\\]/\\&/g' <<<"$postgres_data")
  if read -r postmaster 2>/dev/null <"$postgres_data/postmaster.pid" && [[ $(readlink "/proc/$postmaster/cwd" 2>/dev/null) == "$postgres_data" ]]; then
    return 0
  fi
  for ((try = 0; try < 30; try++)); do
    left=()
    while read -r folder; do
      pid=${folder#/proc/}
      pid=${pid%/cwd}
      # It may end before it is looked at, or killed.
      name=
      IFS= read -rd '' name 2>/dev/null <"/proc/$pid/cmdline" || true
      [[ $name == "postgres: "* && $name != "postgres: logger"* ]] && left+=("$pid")
    done < <(find /proc -maxdepth 2 -name cwd -lname "$pattern" 2>/dev/null)
    ((${#left[@]})) || return 0
    ((try == 10)) && echo "everline: ending ${#left[@]} processes that a killed PostgreSQL left"
    ((try >= 10)) && { kill -KILL "${left[@]}" 2>/dev/null || true; }
    sleep 0.1
  done
}
