#!/usr/bin/env bash
# Puts the app's secrets into its vault. No value is printed, passed as an argument or kept in a file that others read.
set -euo pipefail

usage() {
  cat >&2 <<'TEXT'
usage: secrets.sh VAULT                 make what is missing; asks for the SAP password, or reads S4_PASSWORD
       secrets.sh VAULT rotate SECRET   put a new value before the old one: both are accepted
       secrets.sh VAULT settle SECRET   keep the first value only, once the sender uses it
SECRET: digest-keys, dataverse-webhook-secrets, s4-event-secrets or ops-keys (one key a role: the first three)
TEXT
  exit 2
}

random() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
url_safe() { random | tr '+/' '-_' | tr -d '='; }

fresh() {  # secret: a digest key has a name, so that stored digests say which key made them
  case $1 in
    digest-keys) echo "k$(date -u +%Y%m%d%H%M%S):$(random)" ;;
    ops-keys) echo "reader:$(url_safe),operator:$(url_safe),admin:$(url_safe)" ;;
    *) url_safe ;;
  esac
}

newest() {  # secret, value: what was put there last
  case $1 in
    ops-keys) cut -d, -f1-3 <<<"$2" ;;
    *) echo "${2%%,*}" ;;
  esac
}

put() (  # secret, value on stdin
  file=$(mktemp)  # mode 600
  trap 'rm -f "$file"' EXIT
  cat >"$file"
  az keyvault secret set --vault-name "$vault" --name "$1" --file "$file" --encoding utf-8 --output none
  echo "$1: written"
)

show() { az keyvault secret show --vault-name "$vault" --name "$1" --query value --output tsv; }

has() {
  [ -n "$(az keyvault secret list --vault-name "$vault" --query "[?name=='$1'].name" --output tsv)" ]
}

password() {
  if [ -z "${S4_PASSWORD:-}" ]; then
    [ -t 0 ] || { echo "secrets: s4-password is missing: set S4_PASSWORD, or run this at a terminal" >&2; exit 1; }
    read -rsp "Password (or OAuth client secret) of the SAP communication user: " S4_PASSWORD
    echo >&2
  fi
  printf %s "$S4_PASSWORD"
}

rotated() {
  case $1 in digest-keys | dataverse-webhook-secrets | s4-event-secrets | ops-keys) ;; *) usage ;; esac
}

[ $# -eq 1 ] || [ $# -eq 3 ] || usage
vault=$1
case ${2:-ensure} in
  ensure)
    for name in digest-keys dataverse-webhook-secrets s4-event-secrets ops-keys; do
      if has "$name"; then echo "$name: there"; else printf %s "$(fresh "$name")" | put "$name"; fi
    done
    if has s4-password; then
      echo "s4-password: there"
    else
      given=$(password)
      printf %s "$given" | put s4-password
    fi
    ;;
  rotate)
    rotated "$3"
    old=$(show "$3")
    printf %s "$(fresh "$3"),$(newest "$3" "$old")" | put "$3"
    ;;
  settle)
    rotated "$3"
    old=$(show "$3")
    printf %s "$(newest "$3" "$old")" | put "$3"
    ;;
  *) usage ;;
esac
