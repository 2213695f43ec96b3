# The internal authority, and a certificate a service. What expires within a month is made anew.
# Where others ask for it: certificate_days is how long they last, public_names what clients call us by.

prepare_certificates() {
  if ! openssl x509 -in "$home/certs/ca.pem" -noout -checkend 34560000 >/dev/null 2>&1; then
    rm -f "$home"/certs/*
    authority "$home/certs"
  fi
  local name
  for name in auth message-gateway history db-guardian postgres redis; do certificate "$name"; done
}

# authority FOLDER: its key and certificate, under a name of its own, as two may be trusted at once.
authority() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1/ca.key"
  openssl req -x509 -new -key "$1/ca.key" -days 3650 -subj "/O=Everline/CN=Everline local authority $(openssl rand -hex 4)" \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$1/ca.pem"
  chmod 644 "$1/ca.pem"
}

certificate() {
  local name=$1 pem=$home/certs/$1.pem
  openssl x509 -in "$pem" -noout -checkend 2592000 >/dev/null 2>&1 && return
  # The first name is the service's identity.
  local names="DNS:$name,DNS:localhost,IP:127.0.0.1,IP:::1" host
  if [[ -n ${public_names:-} ]]; then
    # In containers, whose own names nobody outside uses.
    [[ $name == public ]] && names=$public_names
  elif [[ $name == message-gateway ]]; then
    host=$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)
    [[ $host =~ ^[A-Za-z0-9.-]+$ ]] && names+=",DNS:$host"
    for host in $(hostname -I 2>/dev/null); do [[ $host =~ ^[0-9a-f.:]+$ && $host != fe80* ]] && names+=",IP:$host"; done
  fi
  openssl ecparam -name prime256v1 -genkey -noout -out "$home/certs/$name.key"
  openssl req -new -key "$home/certs/$name.key" -subj "/O=Everline/CN=$name" |
    openssl x509 -req -CA "$home/certs/ca.pem" -CAkey "$home/certs/ca.key" -days "${certificate_days:-365}" -set_serial "0x$(openssl rand -hex 16)" -out "$pem" \
      -extfile <(
        echo 'basicConstraints=critical,CA:FALSE'
        echo 'keyUsage=critical,digitalSignature'
        echo 'extendedKeyUsage=serverAuth,clientAuth'
        echo "subjectAltName=$names"
        # By which it is known whose it is (RFC 5280 section 4.2.1.1); what checks strictly refuses others.
        echo 'authorityKeyIdentifier=keyid'
      ) 2>/dev/null
  chmod 644 "$pem"
}
