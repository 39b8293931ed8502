#!/bin/sh
# At start: warnings when httpd or the machine does not carry the polls that were asked for, and settings that do.
# shellcheck disable=SC2154,SC3045
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"

# warned NAME NUMBERS MORE-CONFIGURATION: the start warns of these numbers (XMnnnn), in order.
warned() {
    warned_name=$1
    config="XimssEngine On
$3"
    log_known=XM06
    httpd_start
    httpd_stop
    is "$warned_name" "$(grep -o 'XM06[0-9]*' "$root/logs/error.log" | sort -u | tr '\n' ' ')" "$2"
    : >"$root/logs/error.log"
}

[ "$XIMSS_MPM" = event ] || skip_all 'parks in the event MPM only'
files=$(ulimit -n)
warned 'nothing is asked for' '' ''
warned 'few connections' 'XM0613 ' 'XimssMaxParkedPolls 1000'
warned 'enough of them' '' 'AsyncRequestWorkerFactor 250
XimssMaxParkedPolls 1000'
warned 'half of the threads may be busy' 'XM0613 ' 'AsyncRequestWorkerFactor 245
XimssMaxParkedPolls 1000'
ulimit -Sn 650
warned 'few open files' 'XM0608 XM0614 ' 'XimssMaxParkedPolls 16'
warned 'enough of them' '' 'XimssHandleCache 10
XimssMaxParkedPolls 16'
ulimit -Sn "$files"
warned 'a short Timeout' 'XM0615 ' 'Timeout 4
XimssMaxParkedPolls 10'
warned 'in one virtual host' 'XM0615 ' 'XimssMaxParkedPolls 10
<VirtualHost 127.0.0.1:1>
    Timeout 4
</VirtualHost>'
warned 'but one without mail' '' 'XimssMaxParkedPolls 10
<VirtualHost 127.0.0.1:1>
    XimssEngine Off
    Timeout 4
</VirtualHost>'
warned 'a Timeout that is short for so many' 'XM0615 ' 'Timeout 5
AsyncRequestWorkerFactor 2000
XimssMaxParkedPolls 7000'
warned 'children that end early' 'XM0619 ' 'MaxSpareThreads 64
XimssMaxParkedPolls 10'
warned 'all threads may block' 'XM0620 ' 'XimssMaxPolls 8'
warned 'one does not' '' 'XimssMaxPolls 7'
if [ "$(ulimit -n)" -ge 8192 ]; then
    warned 'conf.d/ximss-mpm.conf carries its own number' '' "ServerLimit 4
MaxRequestWorkers 256
Include \"$XIMSS_SRC/conf.d/ximss-mpm.conf\""
else
    skip 'conf.d/ximss-mpm.conf' 'ulimit -n is below 8192'
fi
done_testing
