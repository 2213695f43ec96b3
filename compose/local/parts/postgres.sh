# A private PostgreSQL: TLS 1.3, SCRAM everywhere, pgAudit, WAL archived.

prepare_postgres() {
  postgres_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  [[ -n $postgres_bin ]] || { echo "everline: PostgreSQL's programs are not in /usr/lib/postgresql" >&2; exit 69; }
  postgres_data=$(readlink -f "$home/postgres")
  run_folder=$(readlink -f "$home/run")
  local backups
  backups=$(readlink -f "$home/backups")
  if [[ ! -f $postgres_data/PG_VERSION ]]; then
    echo "everline: creating the database"
    install -m 600 -o "$postgres_user" "$home/secrets/postgres-postgres" "$backups/.initial"
    (cd "$postgres_data" && as "$postgres_user" "$postgres_bin/initdb" -D "$postgres_data" -U postgres -A scram-sha-256 --pwfile="$backups/.initial" \
      --encoding=UTF8 --locale=C.UTF-8 --data-checksums) >"$home/log/initdb.log" 2>&1 || { cat "$home/log/initdb.log" >&2; exit 70; }
    rm -f "$backups/.initial"
  fi
  [[ -d $backups/wal ]] || as "$postgres_user" mkdir -m 700 "$backups/wal"
  install -m 600 -o "$postgres_user" "$home/certs/postgres.key" "$postgres_data/server.key"
  install -m 644 -o "$postgres_user" "$home/certs/postgres.pem" "$postgres_data/server.pem"
  install -m 644 -o "$postgres_user" "$home/certs/ca.pem" "$postgres_data/ca.pem"
  grep -q "^include 'everline.conf'" "$postgres_data/postgresql.conf" || echo "include 'everline.conf'" >>"$postgres_data/postgresql.conf"
  sed -e "s|@PORT@|$(port 7432)|" -e "s|@RUN@|${run_folder//\'/\'\'}|" -e "s|@WAL@|${backups//\'/\'\'}/wal|g" compose/postgres/everline.conf \
    >"$postgres_data/everline.conf"
  cp compose/postgres/pg_hba.conf "$postgres_data/pg_hba.conf"
  chown "$postgres_user" "$postgres_data/everline.conf" "$postgres_data/pg_hba.conf"
}
