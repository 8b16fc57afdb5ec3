//! The tour: runs the lines as a person would who pastes them, and looks at every answer.
use crate::{
    failure::Failure,
    line::{Answer, Line},
    lines,
    screen::Screen,
    secrets::Secrets,
    world::World,
};
use std::{
    io::{self, Write},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

/// Longest run of one line: the slowest takes a second, on a busy machine a few.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the lines can be run here at all.
pub(crate) async fn check_curl() -> Result<(), Failure> {
    let mut curl = Command::new("curl");
    curl.arg("--version").stdout(Stdio::null());
    curl.status().await.map(drop).map_err(Failure::NoCurl)
}

/// Runs all lines, stops the sidecar, and searches its log for everything secret that was used.
pub(crate) async fn run<W: Write>(world: World, screen: &mut Screen<W>) -> Result<(), Failure> {
    let started = Instant::now();
    screen.welcome(&world.places, &world.folder);
    let lines = lines::all(&world.places, &world.folder);
    let mut secrets = Secrets::default();
    let mut wrong = 0;
    for line in &lines {
        let answer = ask(line).await?;
        let faults = line.faults(&answer);
        wrong += usize::from(!faults.is_empty());
        screen.step(line, &answer, &faults);
        secrets.note_files(&world.folder)?;
    }
    secrets.note_requests(&world);
    let (broken, folder) = world.stop().await?;
    let log = folder.read("sidecar.log")?;
    secrets.check(&log)?;
    match (wrong, broken) {
        (0, 0) => {}
        (0, broken) => return Err(Failure::Broken(broken)),
        (wrong, _) => {
            return Err(Failure::Wrong {
                wrong,
                lines: lines.len(),
            });
        }
    }
    let (count, seconds) = (lines.len(), started.elapsed().as_secs_f32());
    screen.remark(&format!(
        "\nAll {count} lines were answered as they should be, in {seconds:.1} s; none of the {} \
         secrets they used is among the {} lines of the log.",
        secrets.count(),
        log.lines().count()
    ));
    Ok(())
}

/// Runs one line in a shell of its own.
async fn ask(line: &Line) -> Result<Answer, Failure> {
    let start = Instant::now();
    let mut shell = Command::new("sh");
    shell.args(["-c", &line.command]).kill_on_drop(true);
    shell.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut shell = shell.spawn().map_err(Failure::io("start a shell"))?;
    let mut out = shell.stdout.take().expect("it was asked to be piped");
    let reading = async {
        let mut bytes = Vec::new();
        let mut first_byte = None;
        while out.read_buf(&mut bytes).await? > 0 {
            first_byte.get_or_insert_with(|| start.elapsed());
        }
        shell.wait().await?;
        Ok::<_, io::Error>((bytes, first_byte))
    };
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let read = timeout(PATIENCE, reading).await.map_err(late).flatten();
    let (bytes, first_byte) = read.map_err(Failure::io(format!("run {}", line.command)))?;
    let end = start.elapsed();
    Ok(Answer {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        first_byte: first_byte.unwrap_or(end),
        end,
    })
}
