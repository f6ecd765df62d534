//! Programs that want out, or want more, and what is left of them.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Instant;

use super::*;

/// The sandbox of this machine, if it confines; where it must, in CI, it is a failure that it does not.
fn confined() -> Option<Sandbox> {
    let sandbox = Sandbox::find();
    match sandbox.trouble() {
        None => Some(sandbox),
        Some(trouble) if std::env::var_os("CI").is_some() => panic!("nothing can be confined: {trouble}"),
        Some(trouble) => {
            eprintln!("SKIPPED: {trouble}");
            None
        }
    }
}

struct Run {
    ended: Ended,
    out: String,
    err: String,
}

async fn run(sandbox: &Sandbox, cell: &Cell, script: &str) -> Run {
    let (mut out, mut err) = (String::new(), String::new());
    let mut take = |stream, line: &str| {
        let text = if stream == Stream::Out { &mut out } else { &mut err };
        text.push_str(line);
        text.push('\n');
    };
    let ended = sandbox.run(cell, &["/bin/sh", "-c", script], &mut take).await.unwrap();
    Run { ended, out, err }
}

fn work() -> (tempfile::TempDir, Cell) {
    let folder = tempfile::tempdir().unwrap();
    let mut cell = Cell::new(folder.path());
    cell.budget.wall_seconds = 60;
    (folder, cell)
}

/// How many processes of the machine have `mark` in their command line.
fn alive(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(mark)).count()
}

/// A number of seconds to sleep that no other test sleeps.
fn mark(number: u32) -> String {
    format!("{}.{}", 4000 + number, std::process::id())
}

#[tokio::test]
async fn program_sees_its_folder_and_no_other_of_the_machine() {
    let Some(sandbox) = confined() else { return };
    let (folder, cell) = work();
    std::fs::write(folder.path().join("a.txt"), "inside\n").unwrap();
    let secret = tempfile::tempdir().unwrap();
    std::fs::write(secret.path().join("secret"), "swordfish").unwrap();
    let script = format!(
        "cat a.txt; pwd; id -u; echo out >b.txt; echo $HOME; touch $HOME/h /tmp/t /dev/shm/s && echo written
         cat {}/secret /etc/shadow /proc/1/root/etc/shadow; ls -A /root /home/agent/.ssh /var /srv /sys
         touch /x /usr/x /etc/x /dev/x; env | sort",
        secret.path().display()
    );
    let run = run(&sandbox, &cell, &script).await;
    assert!(run.out.starts_with("inside\n/checkout\n1000\n/home/agent\nwritten\n"), "{}", run.out);
    assert_eq!(std::fs::read_to_string(folder.path().join("b.txt")).unwrap(), "out\n");
    assert!(!run.out.contains("swordfish") && !run.out.contains("root:$"), "{}", run.out);
    for refused in ["secret", "shadow", ".ssh", "/srv", "/sys", "/x", "/usr/x", "/etc/x", "/dev/x"] {
        let told = run.err.lines().any(|line| line.contains(refused));
        assert!(told, "{refused} is not refused: {}", run.err);
    }
    // No variable of this process: the test runner has many.
    assert!(!run.out.contains("CARGO_MANIFEST_DIR") && run.out.contains("\nTERM=dumb\n"), "{}", run.out);
}

#[tokio::test]
async fn program_has_no_capability_and_cannot_steer_the_kernel() {
    let Some(sandbox) = confined() else { return };
    let (_folder, cell) = work();
    let script = "grep -i '^cap\\|^nonewpr' /proc/self/status
        find /proc/sys -type f -writable 2>/dev/null | head -5
        find /proc -maxdepth 1 -writable
        ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm; unshare -U true || echo no more namespaces; ulimit -c";
    let run = run(&sandbox, &cell, script).await;
    let mut lines = run.out.lines();
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(lines.next(), Some(&*format!("{name}:\t0000000000000000")));
    }
    assert_eq!(lines.next(), Some("NoNewPrivs:\t1"));
    let seen: u32 = lines.next().unwrap().trim().parse().unwrap();
    assert!(seen < 8, "processes of others are in sight: {}", run.out);
    assert_eq!(lines.collect::<Vec<_>>(), ["bwrap", "no more namespaces", "0"]);
}

#[tokio::test]
async fn program_reaches_no_network() {
    let Some(sandbox) = confined() else { return };
    let (_folder, cell) = work();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "bash -c 'echo hello >/dev/tcp/127.0.0.1/{port}' || echo refused
         bash -c 'echo hello >/dev/tcp/192.0.2.1/80' || echo unreachable
         cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '"
    );
    let run = run(&sandbox, &cell, &script).await;
    assert_eq!(run.out, "refused\nunreachable\nlo\n", "{}", run.err);
    assert!(listener.accept().is_err());
}

#[tokio::test]
async fn broker_is_the_only_way_out() {
    let Some(sandbox) = confined() else { return };
    let (folder, mut cell) = work();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    cell.broker = Some(socket);
    let server = std::thread::spawn(move || {
        use std::io::{BufRead, BufReader, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        stream.write_all(format!("you said {line}").as_bytes()).unwrap();
    });
    let script =
        format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{BROKER_PORT}; echo hello >&3; head -1 <&3'; ls /run");
    let run = run(&sandbox, &cell, &script).await;
    assert_eq!(run.out, "you said hello\nbroker.sock\ngate\n", "{}", run.err);
    server.join().unwrap();
}

#[tokio::test]
async fn exit_codes_and_both_outputs_come_back() {
    for sandbox in [Some(Sandbox::open()), confined()].into_iter().flatten() {
        let (_folder, mut cell) = work();
        cell.least = Isolation::None;
        let seven = run(&sandbox, &cell, "echo out; echo err >&2; cat; printf 'no end'; exit 7").await;
        assert_eq!((seven.ended.exit_code, seven.ended.stopped), (Some(7), None));
        assert_eq!((&*seven.out, &*seven.err), ("out\nno end\n", "err\n"));
        assert_eq!(seven.ended.output_bytes, 14);
        assert_eq!(run(&sandbox, &cell, "kill -9 $$").await.ended.exit_code, Some(137));
        let ended = sandbox.run(&cell, &["/no/such/program"], &mut |_, _| ()).await.unwrap();
        assert_eq!(ended.exit_code, Some(127));
    }
}

#[tokio::test]
async fn run_below_the_demanded_level_is_refused() {
    let (folder, mut cell) = work();
    let error = Sandbox::open().run(&cell, &["true"], &mut |_, _| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    cell.least = Isolation::Machine;
    if let Some(sandbox) = confined() {
        assert!(sandbox.run(&cell, &["true"], &mut |_, _| ()).await.is_err());
        cell.least = Isolation::Confined;
        cell.work = "/no/such/folder".into();
        let error = sandbox.run(&cell, &["true"], &mut |_, _| ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        cell.work = folder.path().to_path_buf();
        cell.read_only = vec!["/no/such/folder".into()];
        let error = sandbox.run(&cell, &["true"], &mut |_, _| ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains("/no/such/folder"), "{error}");
    }
}

/// Runs something greedy and checks why and how fast it is stopped after `allowed`, and that nothing stays.
async fn stopped(script: &str, change: fn(&mut Budget), reason: StopReason, number: u32, within: Duration) {
    for sandbox in [Some(Sandbox::open()), confined()].into_iter().flatten() {
        let (_folder, mut cell) = work();
        cell.least = Isolation::None;
        change(&mut cell.budget);
        let mark = mark(number);
        let begun = Instant::now();
        let run = run(&sandbox, &cell, &script.replace("MARK", &mark)).await;
        let took = begun.elapsed();
        let isolation = sandbox.isolation();
        assert_eq!(run.ended.stopped, Some(reason), "{isolation:?}: {:?} {}", run.ended, run.err);
        assert_eq!(run.ended.exit_code, None);
        eprintln!("{reason:?} at {isolation:?}: {took:?}");
        assert!(took < within, "{isolation:?} took {took:?}");
        assert_eq!(alive(&mark), 0, "{isolation:?} left something alive");
    }
}

#[tokio::test]
async fn sleeper_is_stopped_by_the_clock_whatever_signals_it_ignores() {
    let script = "trap '' TERM INT HUP; sleep MARK & setsid sleep MARK & wait; sleep MARK";
    stopped(script, |b| b.wall_seconds = 1, StopReason::WallClock, 1, Duration::from_secs(3)).await;
}

#[tokio::test]
async fn fork_bomb_is_stopped_by_the_number_of_its_processes() {
    // It stops at two thousand by itself, should nothing else stop it.
    let script = "bomb() { [ $1 = 0 ] || { bomb $(($1 - 1)) & bomb $(($1 - 1)) & }; sleep MARK; }; bomb 10";
    stopped(script, |b| b.processes = 64, StopReason::Processes, 2, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn memory_hog_is_stopped_by_its_memory() {
    let script = "sleep MARK & exec python3 -c 'x = []
while True: x.append(b\"x\" * (1 << 20))'";
    stopped(script, |b| b.memory_bytes = 256 << 20, StopReason::Memory, 3, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn files_in_memory_count_as_memory() {
    let script = "sleep MARK & exec python3 -c 'import os, time
f = os.memfd_create(\"m\")
for i in range(400): os.write(f, b\"x\" * (1 << 20))
time.sleep(MARK)'";
    stopped(script, |b| b.memory_bytes = 256 << 20, StopReason::Memory, 4, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn gigabyte_of_output_is_stopped_at_the_ceiling() {
    let script = "sleep MARK & head -c 1000000000 /dev/zero; yes";
    stopped(script, |b| b.output_bytes = 1 << 20, StopReason::Output, 5, Duration::from_secs(3)).await;
}

#[tokio::test]
async fn disk_filler_is_stopped_wherever_it_writes() {
    for place in [".", "$HOME", "${TMPDIR:-/tmp}"] {
        let script = format!(
            "sleep MARK & cd {place}; i=0; while :; do head -c 1000000 /dev/zero >f$i; i=$((i + 1)); done"
        );
        stopped(&script, |b| b.disk_bytes = 50 << 20, StopReason::Disk, 6, Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn removed_files_that_are_still_open_count() {
    let script = "sleep MARK & exec python3 -c 'import os, time
f = [open(str(n), \"wb\") for n in range(10)]
for n in range(10): os.unlink(str(n))
for n in range(10): f[n].write(b\"x\" * (10 << 20))
time.sleep(MARK)'";
    stopped(script, |b| b.disk_bytes = 50 << 20, StopReason::Disk, 7, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_a_program_leaves_running_ends_with_it() {
    for sandbox in [Some(Sandbox::open()), confined()].into_iter().flatten() {
        let (_folder, mut cell) = work();
        cell.least = Isolation::None;
        let mark = mark(8);
        let script = format!(
            "(setsid sh -c 'trap \"\" TERM; sleep {mark} & exec sleep {mark}' >/dev/null 2>&1 &) ; sleep 0.2; echo over"
        );
        let run = run(&sandbox, &cell, &script).await;
        assert_eq!((run.ended.exit_code, &*run.out), (Some(0), "over\n"));
        assert_eq!(alive(&mark), 0, "{:?}", sandbox.isolation());
    }
}

#[tokio::test]
async fn dropped_run_leaves_nothing_alive() {
    for sandbox in [Some(Sandbox::open()), confined()].into_iter().flatten() {
        let (_folder, mut cell) = work();
        cell.least = Isolation::None;
        let mark = mark(9);
        let script = format!("trap '' TERM; setsid sleep {mark} & sleep {mark} & echo ready; yes; wait");
        let (sender, mut ready) = tokio::sync::mpsc::unbounded_channel();
        let argv = ["/bin/sh", "-c", &script];
        let mut take = |_, _: &str| sender.send(()).unwrap();
        let run = sandbox.run(&cell, &argv, &mut take);
        let seen = async {
            ready.recv().await;
            alive(&mark)
        };
        tokio::select! {
            _ = run => panic!("it never ends"),
            seen = seen => assert!(seen > 0),
        }
        assert_eq!(alive(&mark), 0, "{:?}", sandbox.isolation());
    }
}

#[tokio::test]
async fn long_lines_are_cut_and_odd_bytes_are_shown_as_such() {
    let (_folder, mut cell) = work();
    cell.least = Isolation::None;
    let script = "head -c 400000 /dev/zero | tr '\\0' a; echo; printf 'b\\377\\n'";
    let mut lengths = Vec::new();
    let mut take = |_, line: &str| lengths.push((line.len(), line.chars().last()));
    Sandbox::open().run(&cell, &["/bin/sh", "-c", script], &mut take).await.unwrap();
    assert_eq!(lengths, [(256 << 10, Some('a')), (4, Some('\u{fffd}'))]);
}

#[tokio::test]
async fn folders_of_a_run_are_removed_whatever_is_in_them() {
    let Some(sandbox) = confined() else { return };
    let (_folder, cell) = work();
    let script = "cd; python3 -c 'import os
for n in range(3000): os.mkdir(\"d\"); os.chdir(\"d\")'; mkdir -p $HOME/x/y; chmod 0 $HOME/x; echo $?";
    let run = run(&sandbox, &cell, script).await;
    // Too deep to be weighed: stopped, or over before it was looked at, and stopped at the last look.
    assert_eq!(run.ended.stopped, Some(StopReason::Disk));
    let scratch = Scratch::make().unwrap();
    let path = scratch.root().to_path_buf();
    std::fs::create_dir_all(path.join("home/a/b")).unwrap();
    std::fs::set_permissions(path.join("home/a"), std::os::unix::fs::PermissionsExt::from_mode(0o000))
        .unwrap();
    drop(scratch);
    assert!(!path.exists());
}

#[tokio::test]
async fn toolchains_of_this_machine_work_inside() {
    let Some(sandbox) = confined() else { return };
    let (_folder, cell) = work();
    let run = run(&sandbox, &cell, "cargo --version; python3 -c 'print(6 * 7)'; git --version").await;
    assert!(run.out.contains("cargo 1.") && run.out.contains("42\n"), "{} {}", run.out, run.err);
    let credentials = run_credentials(&sandbox, &cell).await;
    assert_eq!(credentials, "", "credentials are in sight");
}

async fn run_credentials(sandbox: &Sandbox, cell: &Cell) -> String {
    run(sandbox, cell, "find / -name 'credentials*' -path '*cargo*' -not -path '*/registry/*' 2>/dev/null | grep -v '/share/\\|/rustup/\\|toolchains'")
        .await
        .out
}
