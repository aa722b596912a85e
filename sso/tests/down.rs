use std::time::Duration;

use sso::{Fault, Provider, SsoError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};

use super::{BACK, cheat::Cheat, client};

fn at(listener: &TcpListener) -> Provider {
    let issuer = format!("http://{}", listener.local_addr().expect("bound"));
    Provider::new("down", &issuer, "client", None).expect("made")
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_said_at_once_and_found_when_it_is_back() {
    let (client, socket) = (client(), listener().await);
    let provider = at(&socket);
    drop(socket);
    let down = client.begin(&provider, BACK, None).await.err().expect("down");
    assert_eq!(down.code(), "sso_unreachable");
    assert!(!down.to_string().contains("127.0.0.1"), "{down}");
    let again = client.begin(&provider, BACK, None).await.err().expect("left alone for a while");
    assert_eq!(again.code(), "sso_resting");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3)).await;
    tokio::time::resume();
    let down = client.begin(&provider, BACK, None).await.err().expect("still down");
    assert_eq!(down.code(), "sso_unreachable");
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_costs_ten_seconds_whoever_queues_for_it() {
    let (client, socket) = (client(), listener().await);
    let provider = at(&socket);
    let (began, begin) = (Instant::now(), || client.begin(&provider, BACK, None));
    let (one, two, three) = tokio::join!(begin(), begin(), begin());
    for silent in [one, two, three] {
        assert!(matches!(silent.err(), Some(SsoError::Unavailable { .. })));
    }
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_silent_provider_does_not_hold_up_another() {
    let (client, socket, cheat) = (client(), listener().await, Cheat::start().await);
    let (silent, lively) = (at(&socket), cheat.provider());
    tokio::select! {
        biased;
        _ = client.begin(&silent, BACK, None) => panic!("it is silent"),
        begun = client.begin(&lively, BACK, None) => assert!(begun.is_ok()),
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (client, socket, cheat) = (client(), listener().await, Cheat::start().await);
    let provider = at(&socket);
    let elsewhere = format!("{}/.well-known/openid-configuration", cheat.issuer);
    let redirect = async {
        let (mut stream, _) = socket.accept().await.expect("a caller");
        assert!(stream.read(&mut [0; 4096]).await.expect("a request") > 0);
        let answer =
            format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.expect("sent");
    };
    let (begun, ()) = tokio::join!(client.begin(&provider, BACK, None), redirect);
    assert!(matches!(begun.err(), Some(SsoError::Unavailable { fault: Fault::Status(302), .. })));
}
