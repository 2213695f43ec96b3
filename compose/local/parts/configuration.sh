# One JSON file a service: what differs from the defaults of a local run.

# A text as JSON.
json() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}
# A value of a libpq connection string.
conninfo_value() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\\\'}"
}
# postgres_hosts ROLE: where PostgreSQL is: this run's own, or the servers of EVERLINE_POSTGRES_HOSTS ("host:port,host:port", IPv4 or names), of which
# libpq then takes the one that can be written to, for those who write, and for the others the one that is no standby (PostgreSQL manual 34.1.1.3;
# `read-write` would refuse history, whose role is read-only, and db-guardian while it closes the server to others).
postgres_hosts() {
  local hosts="" ports="" one
  [[ -n ${EVERLINE_POSTGRES_HOSTS:-} ]] || { echo "host=127.0.0.1 port=$(port 7432)"; return; }
  for one in ${EVERLINE_POSTGRES_HOSTS//,/ }; do hosts+="${hosts:+,}${one%:*}" ports+="${ports:+,}${one##*:}"; done
  case $1 in everline_auth | everline_gateway) one=read-write ;; *) one=primary ;; esac
  echo "host=$hosts port=$ports target_session_attrs=$one"
}
conninfo() { echo "$(postgres_hosts "$1") dbname=$2 user=$1 sslmode=verify-full sslrootcert=$(conninfo_value "$home/certs/ca.pem")"; }
tls_json() { echo "\"tls\": {\"ca\": $(json "$home/certs/ca.pem"), \"certificate\": $(json "$home/certs/$1.pem"), \"key\": $(json "$home/certs/$1.key")}"; }
postgres_json() { echo "\"postgres\": {\"conninfo\": $(json "$(conninfo "$1" everline)"), \"passwordFile\": $(json "$home/secrets/postgres-$1")}"; }
redis_json() { echo "\"redis\": {\"port\": $(port 7379), \"user\": $(json "$1"), \"passwordFile\": $(json "$home/secrets/redis-$1")}"; }
# Of the services and of archive_command alike: a repository that only one of them knew would be without WAL, or without backups.
repository_json() {
  echo "\"repository\": {\"paths\": $(json "${EVERLINE_REPOSITORY_PATHS:-$(readlink -f "$home/backups")}"), \"keyFile\": $(json "$(readlink -f "$home/guardian")/repository.key")}"
}

prepare_configuration() {
  local history_addresses="" k
  for ((k = 0; k < histories; k++)); do history_addresses+="${history_addresses:+,}127.0.0.1:$(port 7502 "$k")"; done
  local auth_json="\"auth\": {\"addresses\": \"127.0.0.1:$(port 7501)\"}"
  cat >"$home/config/db-guardian.json" <<END
{
  $(tls_json db-guardian),
  $(postgres_json everline_guardian),
  "migrations": {"root": $(json "$checkout/Services/DBGuardian/Migrations")},
  "roles": {"conninfo": $(json "$(conninfo postgres postgres)"), "passwordFile": $(json "$home/secrets/postgres-postgres"), "passwords": $(json "$home/secrets")},
  $(repository_json),
  "replication": {"conninfo": $(json "$(conninfo replicator postgres)"), "passwordFile": $(json "$home/secrets/postgres-replicator")},
  "watch": {"conninfo": $(json "$(conninfo everline_watch everline)"), "passwordFile": $(json "$home/secrets/postgres-everline_watch")},
  "backup": {"staging": $(json "$home/staging")},
  "drill": {"folder": $(json "$(readlink -f "$home/guardian")/drills")},
  "audit": {"restoreFolder": $(json "$(readlink -f "$home/guardian")"), "accepted": "6.7"},
  "listen": {"port": $(port 7503)}, "metrics": {"port": $(port 9104)}
}
END
  cat >"$home/config/auth.json" <<END
{
  $(tls_json auth),
  $(postgres_json everline_auth),
  $(redis_json auth),
  "secondFactor": {"keyFile": $(json "$home/secrets/second-factors.key")},
  "listen": {"port": $(port 7501)}, "metrics": {"port": $(port 9101)}
}
END
  cat >"$home/config/history.json" <<END
{
  $(tls_json history),
  $(postgres_json everline_history),
  "import": {"conninfo": $(json "$(conninfo everline_guardian everline)"), "passwordFile": $(json "$home/secrets/postgres-everline_guardian")},
  $(redis_json history),
  $auth_json,
  "listen": {"port": $(port 7502)}, "metrics": {"port": $(port 9103)}
}
END
  cat >"$home/config/message-gateway.json" <<END
{
  $(tls_json message-gateway),
  $(postgres_json everline_gateway),
  $(redis_json message-gateway),
  $auth_json,
  "history": {"addresses": "$history_addresses"},
  "guardian": {"addresses": "127.0.0.1:$(port 7503)"},
  "listen": {"lines": $(port 7443), "https": $(port 8443)}, "metrics": {"port": $(port 9102)},
  "web": {"root": $(json "$checkout/Services/MessageGateway/Web")}
}
END
}
