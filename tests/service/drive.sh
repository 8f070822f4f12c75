# Runs inside the container, as a oneshot unit after headwater.service. Every answer goes into
# drive.log, which the test reads outside.
trap 'systemctl poweroff' EXIT
exec >/run/out/drive.log 2>&1

state() {
    echo "== $1"
    systemctl show headwater -p ActiveState,StatusText,NRestarts,Result,ExecMainStatus
}
wait_for_restart() {
    for _ in $(seq 100); do
        [ "$(systemctl show headwater -p NRestarts --value)" = "$1" ] &&
            [ "$(systemctl show headwater -p ActiveState --value)" = active ] && return
        sleep 0.1
    done
}
request() {
    exec 3<>/dev/tcp/127.0.0.1/6379
    printf '%s\r\n' "$1" QUIT >&3
    cat <&3
    exec 3>&-
}

state started
request 'XADD tour 1-1 field value'
ls -ld /var/lib/headwater | cut -c1-10

systemctl kill -s KILL headwater
wait_for_restart 1
state killed
request 'XLEN tour'

systemctl reload headwater
state reloaded

# A hang: nothing but the watchdog can see it.
systemctl kill -s STOP headwater
wait_for_restart 2
state hung
request 'XLEN tour'

systemctl stop headwater
state stopped
journalctl -u headwater --no-pager -o cat
