//! Settings of the table in DynamoDB; what programs of AWS find by themselves is found here, too.

use std::path::PathBuf;

use super::value::{self, one};
use super::{Config, Environment, Machine};
use crate::limits;

pub(super) fn set_table(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    let text = one(values)?;
    // What DynamoDB takes for a name.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if !(3..=255).contains(&text.len()) || !text.bytes().all(plain) {
        return Err(value::refused(
            text,
            "the name of a table: 3 to 255 letters, digits, dots, hyphens and underscores",
        ));
    }
    config.store.dynamodb.table = text.into();
    Ok(())
}

pub(super) fn set_region(config: &mut Config, values: &[String], machine: &Machine) -> Result<(), String> {
    config.store.dynamodb.region = match one(values)? {
        "auto" => machine.aws_region.clone(),
        text => Some(region(text).ok_or_else(|| value::refused(text, "a region such as eu-west-1, or auto"))?),
    };
    Ok(())
}

fn region(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ((1..=40).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}

pub(super) fn set_endpoint(config: &mut Config, values: &[String], machine: &Machine) -> Result<(), String> {
    config.store.dynamodb.endpoint = match one(values)? {
        "auto" => machine.aws_endpoint.clone(),
        text => {
            Some(endpoint(text).ok_or_else(|| value::refused(text, "a URL such as http://127.0.0.1:8000, or auto"))?)
        }
    };
    Ok(())
}

fn endpoint(text: &str) -> Option<String> {
    let uri: hyper::Uri = text.parse().ok()?;
    let fits = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none();
    fits.then(|| text.to_owned())
}

pub(super) fn set_poll(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.dynamodb.poll = value::duration(one(values)?, limits::DYNAMODB_POLL_MIN, limits::DYNAMODB_POLL_MAX)?;
    Ok(())
}

pub(super) fn set_create_table(config: &mut Config, values: &[String], _: &Machine) -> Result<(), String> {
    config.store.dynamodb.create_table = value::boolean(one(values)?)?;
    Ok(())
}

/// Lyft's form: any text.
pub(super) fn set_create_tables_in_app(config: &mut Config, _: &[String], _: &Machine) -> Result<(), String> {
    config.store.dynamodb.create_table = true;
    Ok(())
}

/// The region that programs of AWS take: AWS_REGION, AWS_DEFAULT_REGION, that of the profile.
pub(super) fn region_of(environment: &Environment) -> Option<String> {
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| environment.lenient(name));
    named.or_else(|| region_of_profile(environment)).as_deref().and_then(region)
}

/// The endpoint that programs of AWS take.
pub(super) fn endpoint_of(environment: &Environment) -> Option<String> {
    let named = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"].into_iter();
    named.filter_map(|name| environment.lenient(name)).find_map(|text| endpoint(&text))
}

fn region_of_profile(environment: &Environment) -> Option<String> {
    let home = || Some(PathBuf::from(environment.lenient("HOME")?).join(".aws/config"));
    let path = environment.lenient("AWS_CONFIG_FILE").map(PathBuf::from).or_else(home)?;
    if std::fs::metadata(&path).ok()?.len() > limits::AWS_PROFILE_OCTETS {
        return None;
    }
    let profile = environment.lenient("AWS_PROFILE").unwrap_or_else(|| "default".into());
    region_in(&std::fs::read_to_string(path).ok()?, &profile)
}

/// The region of a profile in the text of such a file.
fn region_in(text: &str, profile: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let section = section.trim();
            inside = section == profile || section.strip_prefix("profile ").map(str::trim) == Some(profile);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside)
            && key.trim() == "region"
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_where_programs_of_aws_look() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("config");
        let text = "# x\n[default]\nregion = eu-west-1\n[profile far]\noutput=json\nregion=ap-south-1\n";
        std::fs::write(&path, text).expect("a file");
        let path = path.to_str().expect("a path");
        let region = |variables: &[(&str, &str)]| {
            region_of(&Environment::of(variables.iter().copied().chain([("AWS_CONFIG_FILE", path)])))
        };
        assert_eq!(region(&[]).as_deref(), Some("eu-west-1"));
        assert_eq!(region(&[("AWS_PROFILE", "far")]).as_deref(), Some("ap-south-1"));
        assert_eq!(region(&[("AWS_PROFILE", "none")]), None);
        assert_eq!(region(&[("AWS_DEFAULT_REGION", "us-east-2")]).as_deref(), Some("us-east-2"));
        let both = [("AWS_DEFAULT_REGION", "us-east-2"), ("AWS_REGION", "us-west-2")];
        assert_eq!(region(&both).as_deref(), Some("us-west-2"));
        assert_eq!(region(&[("AWS_REGION", "no region")]), None, "it may be meant for other programs");
    }

    #[test]
    fn an_endpoint_that_is_none_is_passed_over() {
        let endpoint = |variables: &[(&str, &str)]| endpoint_of(&Environment::of(variables.iter().copied()));
        let both = [("AWS_ENDPOINT_URL", "http://a:1"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://b:2")];
        assert_eq!(endpoint(&both).as_deref(), Some("http://b:2"));
        assert_eq!(endpoint(&both[..1]).as_deref(), Some("http://a:1"));
        assert_eq!(endpoint(&[("AWS_ENDPOINT_URL", "nowhere")]), None);
    }
}
