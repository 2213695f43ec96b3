# A private Redis: TLS 1.3, one ACL user a service.

prepare_redis() {
  redis_data=$(readlink -f "$home/redis")
  install -m 600 -o "$redis_user" "$home/certs/redis.key" "$redis_data/redis.key"
  install -m 644 -o "$redis_user" "$home/certs/redis.pem" "$redis_data/redis.pem"
  install -m 644 -o "$redis_user" "$home/certs/ca.pem" "$redis_data/ca.pem"
  sed -e "s|@LISTEN@|127.0.0.1|" -e "s|@PORT@|$(port 7379)|" compose/redis/redis.conf >"$redis_data/redis.conf"
  local acl name
  acl=$(<compose/redis/users.acl)
  for name in auth message-gateway history; do
    acl=${acl//#@$name@/#$(printf %s "$(<"$home/secrets/redis-$name")" | sha256sum | cut -d' ' -f1)}
  done
  printf '%s\n' "$acl" >"$redis_data/users.acl"
  chown "$redis_user" "$redis_data/redis.conf" "$redis_data/users.acl"
}
