//! What the log's thread writes, and what a slow reader costs.
use super::*;
use std::{
    io,
    sync::mpsc::{Receiver, Sender, channel},
};

fn access(writer: &Writer, line: &[u8]) {
    writer.line(Share::Access, Severity::Informational, line);
}

/// A sink that hands over what it gets, and goes on only when it is told to.
struct Slow {
    taken: Sender<Vec<u8>>,
    go_on: Receiver<()>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.taken.send(bytes.to_vec()).unwrap();
        self.go_on.recv().unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn flush_waits_for_every_line_in_order() {
    let (taken, lines) = channel();
    let (go, go_on) = channel();
    let writer = Writer::new(Slow { taken, go_on }, false);
    for _ in 0..10 {
        go.send(()).unwrap();
    }
    access(&writer, b"one\n");
    access(&writer, b"two\n");
    writer.flush();
    assert_eq!(lines.try_iter().collect::<Vec<_>>().concat(), b"one\ntwo\n");
}

#[test]
fn lines_that_are_enough_for_a_batch_wait_for_no_others() {
    let (taken, lines) = channel();
    let (go, go_on) = channel();
    let writer = Writer::gathering(Duration::from_secs(3600), Slow { taken, go_on }, false);
    let line = vec![b'x'; ENOUGH / 2];
    access(&writer, &line);
    access(&writer, &line);
    let written = lines.recv_timeout(Duration::from_secs(10));
    assert_eq!(written.unwrap().len(), ENOUGH);
    go.send(()).unwrap();
}

#[test]
fn the_thread_is_woken_for_the_first_line_and_when_they_are_enough() {
    for (before, after, is_woken) in [
        (0, 1, true),
        (0, ENOUGH, true),
        (1, ENOUGH - 1, false),
        (ENOUGH - 1, ENOUGH, true),
        (1, ENOUGH + 1, true),
        (ENOUGH, ENOUGH + 1, false),
    ] {
        let added = Added { before, after };
        assert_eq!(has_to_wake(&added), is_woken, "{before} {after}");
    }
}

#[test]
fn no_text_of_a_stranger_commands_a_terminal() {
    let (taken, lines) = channel();
    let (go, go_on) = channel();
    let writer = Writer::new(Slow { taken, go_on }, false);
    (0..10).for_each(|_| go.send(()).unwrap());
    access(&writer, "{\"path\":\"/\u{9b}2J\"}\n".as_bytes());
    writer.flush();
    let text = lines.try_iter().collect::<Vec<_>>().concat();
    assert_eq!(text, b"{\"path\":\"/\\u009b2J\"}\n");
}

#[test]
fn the_journal_is_told_how_much_each_line_matters_and_nobody_else() {
    for (is_journal, expected) in [
        (true, &b"<5>audit\n<4>refusal\n<3>error\n<6>access\n"[..]),
        (false, b"audit\nrefusal\nerror\naccess\n"),
    ] {
        let (taken, lines) = channel();
        let (go, go_on) = channel();
        let writer = Writer::new(Slow { taken, go_on }, is_journal);
        (0..10).for_each(|_| go.send(()).unwrap());
        writer.line(Share::Audit, Severity::Notice, b"audit\n");
        writer.line(Share::Refusals, Severity::Warning, b"refusal\n");
        writer.line(Share::Diagnostics, Severity::Error, b"error\n");
        writer.line(Share::Access, Severity::Informational, b"access\n");
        writer.flush();
        let text = lines.try_iter().collect::<Vec<_>>().concat();
        assert_eq!(text, expected, "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn a_flood_of_requests_and_refusals_pushes_out_no_sign_in_and_says_what_it_lost() {
    let (taken, lines) = channel();
    let (go, go_on) = channel();
    let writer = Writer::new(Slow { taken, go_on }, true);
    access(&writer, b"first\n");
    assert_eq!(lines.recv().unwrap(), b"<6>first\n"); // the thread is stuck in this write
    let line = [vec![b'x'; 1020], b"\n".to_vec()].concat(); // with the prefix, 1 KiB
    for number in 0..5000 {
        access(&writer, &line);
        writer.line(Share::Refusals, Severity::Warning, &line);
        if number % 50 == 0 {
            writer.line(Share::Audit, Severity::Notice, b"sign_in\n");
        }
    }
    (0..40).for_each(|_| go.send(()).unwrap());
    writer.flush();
    let text = lines.try_iter().collect::<Vec<_>>().concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("<5>sign_in\n").count(), 100, "every one");
    let lost = "<4>{\"kind\":\"log\",\"lost_lines\":3976,\"of\":\"refusal\"}\n\
                <4>{\"kind\":\"log\",\"lost_lines\":904,\"of\":\"access\"}\n";
    assert!(text.ends_with(lost), "{}", &text[text.len() - 300..]);
}

#[test]
fn a_sign_in_waits_for_no_more_than_a_part_of_the_requests_before_it() {
    let (taken, lines) = channel();
    let (go, go_on) = channel();
    let writer = Writer::gathering(Duration::from_secs(3600), Slow { taken, go_on }, false);
    let line = [vec![b'x'; PART - 1], b"\n".to_vec()].concat();
    access(&writer, &line);
    lines.recv().unwrap(); // stuck
    for _ in 0..3 {
        access(&writer, &line);
    }
    go.send(()).unwrap();
    assert_eq!(lines.recv().unwrap().len(), PART); // stuck in the first of three parts
    writer.line(Share::Audit, Severity::Notice, b"sign_in\n");
    (0..10).for_each(|_| go.send(()).unwrap());
    assert_eq!(lines.recv().unwrap(), b"sign_in\n");
    assert_eq!(lines.recv().unwrap().len(), PART);
    assert_eq!(lines.recv().unwrap().len(), PART);
}

#[test]
fn a_part_is_whole_lines_and_at_least_one() {
    let line = |length: usize| [vec![b'x'; length - 1], b"\n".to_vec()].concat();
    for (lines, expected) in [
        (line(9), 9),
        (line(PART), PART),
        ([line(PART - 1), line(9)].concat(), PART - 1),
        ([line(9), line(PART)].concat(), 9),
        ([line(PART + 5), line(9)].concat(), PART + 5),
        (vec![b'x'; PART + 5], PART + 5),
    ] {
        assert_eq!(part(&lines), expected);
    }
}

#[test]
fn a_stuck_reader_costs_lines_and_never_time() {
    let (taken, lines) = channel();
    let (go, go_on) = channel();
    let writer = Writer::new(Slow { taken, go_on }, false);
    access(&writer, b"first\n");
    assert_eq!(lines.recv().unwrap(), b"first\n"); // the thread is stuck in this write
    let line = vec![b'x'; Share::Access.bound() / 4];
    for _ in 0..6 {
        access(&writer, &line);
    }
    for _ in 0..10 {
        go.send(()).unwrap();
    }
    writer.flush();
    let text = lines.try_iter().collect::<Vec<_>>().concat();
    assert_eq!(
        text.iter().filter(|byte| **byte == b'x').count(),
        Share::Access.bound()
    );
    assert!(text.ends_with(b"{\"kind\":\"log\",\"lost_lines\":2,\"of\":\"access\"}\n"));
}
