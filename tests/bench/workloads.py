# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: a table of workloads. Each runs in a chroot of the file system under test.

A command is run by sh -c (a string) or started TIMES times (a list), with the environment's W (a
fresh folder for each run, on the file system under test) and D (the data sets). PREPARE runs before
each measurement, on the real file system; LIMIT is the ratio to native that is aimed at, warm.
"""
from collections import namedtuple

Workload = namedtuple("Workload", "group name command times prepare limit quick")


def load(group, name, command, limit, times=1, prepare=None, quick=True):
    return Workload(group, name, command, times, prepare, limit, quick)


CREATE = r"""perl -e 'chdir $ENV{W}; for (1..2000) { open(F, ">", "f$_") or die; print F "x" x 100;
close F } unlink "f$_" for 1..2000'"""
POSTMARK = r"""perl -e 'chdir $ENV{W}; srand 7; my @f; my $n = 0;
sub put { my $f = "p" . $n++; open(F, ">", $f) or die; print F "x" x (500 + rand 9000); close F; push @f, $f }
put() for 1..500;
for (1..2000) { my $i = int rand @f; if (rand() < .5) { open(F, "<", $f[$i]) or die; my @l = <F>; close F }
else { open(F, ">>", $f[$i]) or die; print F "y" x rand 4000; close F }
if (rand() < .5) { put() } else { $i = int rand @f; unlink $f[$i] or die; splice @f, $i, 1 } }
unlink @f'"""
SQLITE = r"""sqlite3 $W/db "pragma journal_mode=wal; pragma synchronous=off; create table t(a, b);" >/dev/null;
seq 400 | sed 's/.*/begin; insert into t values(&, hex(randomblob(200))); insert into t values(-&, 2); commit;/' |
sqlite3 -cmd 'pragma synchronous=off' $W/db >/dev/null; sqlite3 $W/db 'select count(*), sum(a) from t' >/dev/null"""
PGBENCH = r"""cd $W && mkdir db && chown postgres db && P=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1) &&
run() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; } &&
run $P/initdb -N -A trust -D $W/db >/dev/null && printf 'fsync=off\nlisten_addresses=\nunix_socket_directories=%s\n' \
$W/db >>db/postgresql.conf && run $P/pg_ctl -s -w -D $W/db -l $W/db/log start &&
run pgbench -h $W/db -i -q postgres 2>/dev/null && run pgbench -h $W/db -t 500 -c 2 postgres >/dev/null 2>&1;
run $P/pg_ctl -s -w -D $W/db stop"""
FIO = "cd $W && fio --name=a --minimal --output=/dev/null "

WORKLOADS = [
    load("start", "bash", ["/usr/bin/bash", "-c", ":"], 1.1, 60),
    load("start", "perl", ["/usr/bin/perl", "-e", "use POSIX;"], 1.1, 40),
    load("start", "python3", ["/usr/bin/python3", "-c", "import json"], 1.1, 15),
    load("start", "git", ["/usr/bin/git", "--version"], 1.1, 60),
    load("start", "gdb", ["/usr/bin/gdb", "-batch"], 1.1, 3),
    load("read", "sequential", "dd if=$D/large of=/dev/null bs=128k status=none", 1.1),
    load("read", "random 4k", "fio --name=a --minimal --output=/dev/null --filename=$D/large --readonly "
         "--rw=randread --bs=4k --io_size=128m --invalidate=0", 1.1),
    load("read", "mmap", "fio --name=a --minimal --output=/dev/null --filename=$D/large --readonly "
         "--rw=read --bs=4k --ioengine=mmap --invalidate=0", 1.1),
    load("write", "sequential", "dd if=/dev/zero of=$W/f bs=128k count=2048 status=none", 1.2),
    load("write", "4k blocks", "dd if=/dev/zero of=$W/f bs=4k count=16384 status=none", 1.2),
    load("walk", "find", "find /usr -xdev -name '*.none'", 1.5),
    load("walk", "ls -lR", "ls -lR /usr/lib >/dev/null", 1.5),
    load("walk", "du", "du -xs /usr >/dev/null", 1.5),
    load("walk", "grep -r", "grep -rF never-to-be-found $D/tree", 1.5),
    load("walk", "git status", "git -c safe.directory='*' -C $D/repo status --porcelain >/dev/null", 1.5),
    load("tree", "create and delete", CREATE, 2.0),
    load("tree", "unpack", "tar -C $W -xf $D/tree.tar", 2.0),
    load("tree", "remove", "rm -r $W/tree", 2.0, prepare="tar -C $W -xf $D/tree.tar"),
    load("tree", "compile", "cd $D/c && for f in base/*.c target/*.c; do gcc -O1 -g -D_GNU_SOURCE -I. -c $f "
         "-o $W/o.o || exit 1; done", 1.05),
    load("programs", "gzip", "gzip -1 -c $D/medium >$W/f.gz", 1.2),
    load("programs", "sqlite", SQLITE, 1.2),
    load("programs", "postmark-like", POSTMARK, 2.0),
    load("programs", "dbench", "cd $W && dbench --run-once -t 60 2 >/dev/null", 2.0, quick=False),
    load("programs", "fio aio", FIO + "--ioengine=libaio --iodepth=8 --direct=1 --rw=randrw --bs=16k --size=64m",
         1.2, quick=False),
    load("programs", "fio mixed", FIO + "--rw=randrw --bs=4k --size=64m --numjobs=2", 1.2, quick=False),
    load("programs", "pgbench", PGBENCH, 1.5, quick=False),
]
