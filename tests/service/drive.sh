# Runs inside the container, as a oneshot unit. Every answer goes into drive.log, which the test reads
# outside. Each part begins with a fresh count of restarts.
trap 'systemctl poweroff' EXIT
exec >/run/out/drive.log 2>&1
orders=/run/failpoints
# Seconds.
start_timeout=3
config=/etc/headwater/headwater.toml

now_ms() {
    local up
    read -r up _ </proc/uptime
    echo $((10#${up/./} * 10))
}
property() { systemctl show headwater -p "$1" --value; }
state() { systemctl show headwater -p ActiveState,StatusText,NRestarts,Result,ExecMainStatus; }
part() {
    systemctl reset-failed headwater 2>/dev/null
    echo "== $1"
}
until_true() {
    for _ in $(seq 200); do
        "$@" && return
        sleep 0.05
    done
    echo "never: $*"
}
is() { [ "$(property "$1")" = "$2" ]; }
status_has() { [[ $(property StatusText) == *"$1"* ]]; }
is_up_again() { is NRestarts 1 && is ActiveState active; }
is_stuck() { ! read -r -t 0.5 -u 3 _; }
# Waits for the restart, and says how long after $1 the server served again, by systemd's clock.
restarted() {
    until_true is_up_again
    echo "again=$(($(property ActiveEnterTimestampMonotonic) / 1000 - $1))"
    state
    request 'XLEN tour'
}
request() {
    exec 3<>/dev/tcp/127.0.0.1/6379 || return
    printf '%s\r\n' "$@" QUIT >&3
    timeout 20 cat <&3
    exec 3>&-
}
# What a thread does that comes by place $1: $2.
order() { echo "$2" >$orders/$1; }
# A write that gets stuck at place $1.
get_stuck() {
    order "$1" hang
    exec 3<>/dev/tcp/127.0.0.1/6379
    printf 'XADD stuck * f v\r\n' >&3
    is_stuck || echo "answered in spite of the failpoint $1"
    # The restarted server shall not meet it.
    rm $orders/$1
}

# Only now: at its first boot systemd would enable both.
cp /run/kit/headwater.{service,socket} /etc/systemd/system
systemctl daemon-reload
systemd-sysusers
mkdir $orders
install -d -m 0750 -g headwater /etc/headwater
install -m 0640 -g headwater /run/kit/headwater.toml /run/kit/server.* /etc/headwater

part started
systemctl start headwater
state
request 'XADD tour 1-1 field value'
ls -ld /var/lib/headwater | cut -c1-10

part killed
before=$(now_ms)
systemctl kill -s KILL headwater
restarted "$before"

part panicked
order engine panic
before=$(now_ms)
request 'XADD lost 1-1 field value'
rm $orders/engine
restarted "$before"

part reloaded
systemctl reload headwater
state

# Hangs: nothing but the watchdog can see them.
part stopped-by-signal
before=$(now_ms)
systemctl kill -s STOP headwater
restarted "$before"

for place in engine commit; do
    part "stuck-$place"
    before=$(now_ms)
    get_stuck $place
    restarted "$before"
    exec 3>&-
done

part recovering
systemctl stop headwater
# A start that is held up for longer than systemd has patience, but says that it is alive.
impatience=/etc/systemd/system/headwater.service.d/impatient.conf
mkdir -p "${impatience%/*}"
printf '[Service]\nTimeoutStartSec=%s\n' "$start_timeout" >$impatience
systemctl daemon-reload
echo "patience=$(property TimeoutStartUSec)"
order recovery hold
order progress hold
systemctl start --no-block headwater
until_true status_has Recovering
state
request PING
# A line of progress is due after a second.
sleep $((start_timeout + 2))
rm $orders/recovery
until_true status_has %
state
request PING
rm $orders/progress
until_true is ActiveState active
state
request PING
rm $impatience
systemctl daemon-reload

part misconfigured
systemctl stop headwater
cp -p $config /run/good.toml
echo 'prot = 1' >>$config
systemctl start headwater
state
cp -p /run/good.toml $config

part damaged
log=$(ls /var/lib/headwater/log/*.log | head -n 1)
cp -p "$log" /run/good.log
printf 'damage' | dd of="$log" bs=1 seek=4150 conv=notrunc status=none
systemctl start headwater
state
cp -p /run/good.log "$log"

part socket
mkdir -p /etc/systemd/system/headwater.{service,socket}.d
cp /run/kit/socket-activation.conf /etc/systemd/system/headwater.service.d
printf '[Socket]\nListenStream=127.0.0.1:6380\n' >/etc/systemd/system/headwater.socket.d/tls.conf
cat >>$config <<END
tls-port = 6380
tls-cert-file = "/etc/headwater/server.pem"
tls-key-file = "/etc/headwater/server.key"
tls-auth-clients = "no"
END
systemctl daemon-reload
systemctl start headwater.socket
echo "before=$(property ActiveState)"
request 'XLEN tour'
until_true is ActiveState active
state
echo "families=$(property RestrictAddressFamilies) network=$(property PrivateNetwork)"
printf 'ECHO secret\r\nQUIT\r\n' |
    timeout 20 openssl s_client -quiet -verify_return_error -CAfile /run/kit/ca.pem \
        -connect 127.0.0.1:6380 2>/dev/null

part queued
order recovery hold
systemctl kill -s KILL headwater
until_true is ActiveState activating
until_true status_has Recovering
for client in 1 2 3; do
    request "XADD queue-$client 1-1 f v" >/run/client.$client &
    clients+=($!)
done
has_three() { [ "$(ss -Htn state established '( sport = :6379 )' | wc -l)" -eq 3 ]; }
until_true has_three
state
rm $orders/recovery
wait "${clients[@]}"
cat /run/client.*
request 'XLEN queue-1'

part stopped
systemctl stop headwater.socket headwater
state
journalctl -u headwater --no-pager -o cat
