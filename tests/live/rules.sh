#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The site's rules, as real files below /etc, with a real container (box.c): who may do what, and that
# nothing is started where it isn't allowed.
. "$(dirname "$0")/isolated.sh"
. "$(dirname "$0")/lib.sh"

sallyport=$SALLYPORT
RULES=/etc/sallyport/rules.d

box_root id sh sleep true
mkdir "$root/root" "$root/sys"
printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n' >"$root/etc/passwd"
start_box rules

# People of this host, without touching its own files: /etc is the test's.
useradd -M -u 61001 sp-alice
useradd -M -u 61002 sp-bob
groupadd -g 61100 sp-ops
usermod -a -G sp-ops sp-bob

# as LOGINUID COMMAND...: whoever the kernel holds for logged in; empty: nobody
as()
{
	local who=$1
	shift
	(
		[ -z "$who" ] || echo "$who" >/proc/self/loginuid || exit 99
		timeout 60 "$@" </dev/null
	) 2>&1
}
can_log_in=yes
[ "$(as 61001 cat /proc/self/loginuid)" = 61001 ] || can_log_in=

rules()
{
	rm -f "$RULES"/*
	cat >"$RULES/50-test.conf"
	chmod 644 "$RULES/50-test.conf"
}
run() { as "$1" "$sallyport" exec "${@:2}" "$init" -- /bin/true; echo "status $?"; }

matches "without rules: allowed" "$(run '')" '^status 0$'
matches "check: there are none" "$("$sallyport" rules check)" 'nothing is ruled'

rules </dev/null
matches "an empty file: nothing is allowed" "$(run '')" 'no rule allows.*status 125'
matches "nor is inspect" "$("$sallyport" inspect "$init" 2>&1)" 'no rule allows'
lacks "list shows nothing" "$("$sallyport" list -t cgroup 2>&1)" "$init"

rules <<'X'
deny user sp-alice because "left in March";
allow group sp-ops to attach, exec on engine cgroup, pid with host-view ro and reason;
allow user root, sp-alice to exec on engine cgroup, pid;
allow unset to list on engine cgroup, pid;
X
check "check: no errors" "$sallyport" rules check
matches "unset is nobody" "$(run '')" 'never logged in.*status 125'
check "list is allowed" "$sallyport" list
if [ -n "$can_log_in" ]; then
	matches "denied by its rule, with the words" "$(run 61001)" 'sp-alice may not exec here: left in March \(.*50-test.conf:1\).*status 125'
	matches "root is ruled" "$(run 0 --user app)" "container's own user alone.*status 125"
	matches "root may what a rule says" "$(run 0)" '^status 0$'
	matches "a group, without the reason" "$(run 61002)" 'wants a reason \(--reason TEXT\).*status 125'
	matches "with it" "$(run 61002 --reason 'ticket 7')" '^status 0$'
	matches "the environment says nothing" \
		"$(as 61001 env SUDO_USER=root SUDO_UID=0 USER=root LOGNAME=root "$sallyport" exec "$init" -- /bin/true)" 'sp-alice may not'
	matches "host-view ro: is what one gets" \
		"$(as 61002 "$sallyport" attach --reason x "$init" -- touch "$T/written")" 'Read-only'
	check "and nothing was written" test ! -e "$T/written"
	matches "rw is refused" "$(as 61002 "$sallyport" attach --reason x --host-view rw "$init" -- true)" 'read-only.*--host-view ro'
	matches "so is a native view, which a tool could remount" \
		"$(as 61002 "$sallyport" attach --reason x --host-view native-ro "$init" -- true)" 'read-only.*--host-view ro'
	matches "a share would be a way out" "$(as 61002 "$sallyport" attach --reason x --share "$T" "$init" -- true)" "doesn't allow this --share"
	matches "--like too" "$(as 61002 "$sallyport" exec --reason x --like 1 "$init" -- /bin/true)" "doesn't allow --like"
	matches "who has no name can't pass a deny by name" "$(run 61999)" 'uid 61999 may not.*status 125'
else
	skip "by who logged in" "this kernel doesn't let the test set /proc/self/loginuid"
fi
matches "a refusal is in the journal" "$(cat /var/log/sallyport/journal.jsonl)" '"event":"refused"[^'$'\n'']*no rule allows'

matches "test: one answer" "$("$sallyport" rules test sp-alice "$init" exec; echo "status $?")" 'exec +denied +/etc/sallyport/rules.d/50-test.conf:1 \(left in March\).*status 1'
matches "test: allowed, with the terms" "$("$sallyport" rules test sp-bob "$init" attach; echo "status $?")" 'attach +allowed .*:2, host-view ro, reason.*status 0'
is "test: all commands" "$("$sallyport" rules test unset "$init" | grep -c allowed)" 1
matches "test: nobody of that name" "$("$sallyport" rules test sp-nobody "$init" 2>&1)" 'user sp-nobody'

# Another name for the same container is no way around.
mkdir "$T/runc"
(cd "$T/runc" && runc spec && jq '.process.terminal = false | .process.args = ["/bin/sleep", "600"]
	| .root.path = "'"$root"'"' config.json >new && mv new config.json)
ENDINGS+=('runc delete -f "sp-vault-$$"')
if runc run -d -b "$T/runc" "sp-vault-$$" </dev/null >"$T/log" 2>&1; then
	vault=$(runc state "sp-vault-$$" | jq .pid)
	rules <<'X'
deny unset to exec on name sp-vault-*;
allow unset to exec, list on engine runc, pid, cgroup;
X
	for name in "sp-vault-$$" "$vault" "-t runc sp-vault-$$" "-t pid $vault"; do
		matches "denied as $name" "$(as '' "$sallyport" exec $name -- /bin/true; echo "status $?")" 'may not exec here.*status 125'
	done
	runc exec -d "sp-vault-$$" /bin/sleep 601
	other=$(pgrep -f -x '/bin/sleep 601' | head -n 1)
	matches "denied by another process of it" "$(as '' "$sallyport" exec "$other" -- /bin/true; echo "status $?")" 'may not exec here.*status 125'
	matches "list shows what it may" "$("$sallyport" list)" "sp-vault-$$"
	matches "test names it" "$("$sallyport" rules test unset "$other" exec)" "runc sp-vault-$$"
else
	not_ok "runc starts a container" "$(cat "$T/log")"
fi
matches "plain pids want saying so" "$(printf 'allow anyone or unset to exec on any;\n' | rules; run '')" 'no rule allows.*status 125'

# Wrong files: everything is denied, and it is said where.
rules <<'X'
allow unset to exec
	on engine cgroup, pid with glory;
X
matches "a syntax error: where" "$(run '')" '50-test.conf:2:29: a term .*status 125'
matches "check says the same, status 1" "$("$sallyport" rules check 2>&1; echo "status $?")" '50-test.conf:2:29: .*status 1$'
matches "list is denied too" "$("$sallyport" list 2>&1)" 'nothing is allowed while the rules'
echo 'allow unset to exec on engine cgroup, pid;' | rules
matches "mended" "$(run '')" '^status 0$'
chmod 666 "$RULES/50-test.conf"
matches "others could write it" "$(run '')" 'can be written to by others than root.*status 125'
chmod 644 "$RULES/50-test.conf"
chown 1 "$RULES/50-test.conf"
matches "it is somebody's" "$(run '')" "doesn't belong to root.*status 125"
chown 0 "$RULES/50-test.conf"
mv "$RULES/50-test.conf" "$T/away.conf"
ln -s "$T/away.conf" "$RULES/50-test.conf"
matches "a link" "$(run '')" 'is a symbolic link.*status 125'
matches "check of a file elsewhere" "$("$sallyport" rules check "$T/away.conf")" '1 rules in 1 files'
rm "$RULES/50-test.conf"

# The rule that demands a recording gets one, wherever the operator would like it.
echo 'allow unset to exec on engine cgroup, pid with record;' | rules
matches "a demanded recording isn't put elsewhere" "$(run '' --record="$T/mine.cast")" 'a recording that the site demands.*status 125'
matches "it is made" "$(run '')" '^status 0$'
is "in the site's directory" "$(find /var/log/sallyport/recordings -name '*.cast' | wc -l)" 1
echo 'allow unset to exec on engine cgroup, pid with record-input;' | rules
matches "input needs a terminal" "$(run '')" 'there is no terminal.*status 125'

example=$(cd "$HERE/../.." && pwd)/examples
check "the sudoers example is valid" visudo -c -f "$example/sudoers.d/sallyport"
page=$example/../man/sallyport-rules.5
sed -n '/^\.Bd -literal$/,/^\.Ed/{/^\.[BE]d/d; p}' "$page" >"$T/page.conf"
check "the manual's examples have no errors" "$sallyport" rules check "$T/page.conf"
is "there are some" "$(grep -c '^allow' "$T/page.conf")" 4
for file in "$example"/rules.d/*.conf; do
	check "the example $(basename "$file") has no errors" "$sallyport" rules check "$file"
done
nothing_left "rules"
finish
