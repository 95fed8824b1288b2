"""Uses Horizon's pages of functions as a member, a reader and an administrator of a project do.

pages.py URL: standard input has the users' passwords, as JSON. Prints what it did; ends with 1 and what was wrong
otherwise.
"""
from concurrent import futures
import contextlib
import json
import sys
import time
import urllib.request
import uuid

from browser import Browser
from browser import expect
from browser import Failed
from browser import Keys
from selenium.webdriver.common.by import By

URL, PASSWORDS = sys.argv[1].rstrip('/'), json.load(sys.stdin)
# Everything is named by the run: several may go on at once.
RUN = 'page-' + uuid.uuid4().hex[:8]
PROJECT = '/project/faas_'

CODE = '''def main(name="nobody", boom=False):
    print("this is the log of", name)
    if boom:
        raise ValueError("as you wish")
    return {"hello": name, "angular": "{$ 7 * 7 $}", "html": "<b>no</b>"}
'''


def ended(browser: Browser) -> None:
    """Waits until the execution that the page shows has ended: the page looks by itself."""
    browser.wait(lambda: 'running' not in browser.driver.find_element(By.CSS_SELECTOR, '#result h2').text,
                 'the execution does not end')


def id_of(browser: Browser) -> str:
    return browser.path().split('?')[0].rstrip('/').split('/')[3]


def make_function(browser: Browser) -> str:
    """By keyboard: the tab key goes to the button that makes one, and Enter presses it."""
    browser.open(PROJECT + 'functions/')
    browser.tab_to('Create a function')
    with browser.another_page():
        browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    expect(browser.path().endswith('/create/'), 'Enter does not open the form')
    area = browser.driver.find_element(By.NAME, 'code')
    area.click()
    area.send_keys(Keys.CONTROL, Keys.HOME)
    area.send_keys(Keys.TAB)
    expect(area.get_attribute('value').startswith('    def main'), 'the tab key does not indent in the editor')
    area.send_keys(Keys.ESCAPE, Keys.TAB)
    expect(browser.driver.switch_to.active_element != area, 'Escape and tab do not leave the editor')
    expect(not browser.driver.find_element(By.NAME, 'container').is_displayed(), 'a field of Swift is shown for code')
    browser.fill(name=RUN, code=CODE, runtime_id='python3')
    browser.click('Create')
    expect('/run/' in browser.path(), f'a new function does not lead to its test run but to {browser.path()}')
    return id_of(browser)


def run_function(browser: Browser, id: str) -> None:
    browser.fill(input='{"name": "Ada"}')
    browser.click('Run')
    ended(browser)
    text = browser.main()
    for words in ('success', '"hello": "Ada"', 'this is the log of Ada', '{$ 7 * 7 $}', '<b>no</b>'):
        expect(words in text, f'the run does not show {words!r}: {text}')
    browser.fill(input='{"boom": true}', wait=False)
    browser.click('Run')
    ended(browser)
    expect('as you wish' in browser.main(), f'an exception is not shown: {browser.main()}')
    browser.fill(input='{"name": ')
    browser.click('Run')
    expect('This is not JSON' in browser.main(), 'input that is no JSON is not refused')


def change_code(browser: Browser, id: str) -> None:
    browser.open(f'{PROJECT}functions/{id}/code/')
    area = browser.driver.find_element(By.NAME, 'code')
    expect(area.get_attribute('value').replace('\r', '') == CODE, 'the editor does not have the code')
    browser.fill(code=CODE.replace('"hello"', '"good day"'))
    browser.click('Save')
    browser.open(f'{PROJECT}functions/{id}/run/')
    browser.click('Run')
    ended(browser)
    expect('"good day": "Ada"' in browser.main(), f'the code that was saved does not run: {browser.main()}')


def charts(browser: Browser, id: str) -> None:
    """The function's page has its calls drawn, a few seconds after them."""
    def counted() -> bool:
        browser.open(f'{PROJECT}functions/{id}/?span=6h')
        sums = browser.driver.find_elements(By.CSS_SELECTOR, '.faas-sums b')
        expect(sums, f'there are no statistics: {browser.main()}')
        return int(sums[0].text) >= 3 and int(sums[1].text) >= 1
    browser.wait(counted, 'the calls are not counted')
    drawn = browser.driver.find_elements(By.CSS_SELECTOR, 'svg.faas-chart')
    expect(len(drawn) == 4, f'{len(drawn)} charts, not 4')
    for look in ('rect.faas-good', 'rect.faas-poor', 'circle.faas-two'):
        expect(drawn[0].parent.find_elements(By.CSS_SELECTOR, f'svg.faas-chart {look}'), f'no {look} is drawn')


def change_settings(browser: Browser, id: str) -> None:
    browser.open(f'{PROJECT}functions/{id}/')
    browser.click('Change settings')
    browser.fill(description='made by a browser', memory_size='128 MiB', timeout='7', success_kind='A URL')
    browser.fill(success_place='https://hooks.example.org/done')
    browser.click('Save')
    text = browser.main()
    for words in ('made by a browser', '128 MiB', '7 s', 'https://hooks'):
        expect(words in text, f'the settings do not show {words!r}: {text}')


def versions_and_aliases(browser: Browser, id: str) -> None:
    browser.open(f'{PROJECT}functions/{id}/versions/')
    expect('No versions yet' in browser.main(), 'a list without versions does not say what they are')
    browser.click('Freeze a version')
    browser.fill(description='the first')
    browser.click('Freeze')
    browser.click('Name it')
    browser.fill(name=f'{RUN}-live')
    browser.click('Create')
    expect(f'{RUN}-live' in browser.main(), 'the list does not have the alias')


def triggers(browser: Browser, id: str) -> str:
    """One of each source that a form can make here: clock by the pages, and its way, state and end."""
    browser.open(f'{PROJECT}functions/{id}/')
    browser.click('Add a trigger')
    for source in ('clock', 'webhook', 'swift', 'zaqar', 'aodh', 'notification'):
        expect(browser.driver.find_elements(By.ID, f'faas-source-{source}'), f'there is no source {source}')
    with browser.another_page():
        browser.driver.find_element(By.ID, 'faas-source-webhook').click()
    browser.fill(name=f'{RUN}-trigger', target=f'{RUN}-live', input='{"boom": true}')
    browser.click('Create')
    text = browser.main()
    for words in ('active', '/events', 'Anybody, by HTTP', f'{RUN}-live'):
        expect(words in text, f'the trigger does not show {words!r}: {text}')
    trigger = id_of(browser)
    browser.click('Pause')
    expect('paused' in browser.main(), 'the trigger is not paused')
    browser.click('Resume')
    expect('active' in browser.main(), 'the trigger is not active again')
    browser.click('Change')
    browser.fill(retries='0')
    browser.click('Save')
    return trigger


def dead_letters(browser: Browser, trigger: str) -> None:
    """An event whose execution fails is a dead letter, which is executed again from the page, and forgotten."""
    url = browser.driver.find_element(By.XPATH, '//h3[.="URL for events"]/following-sibling::pre').text
    request = urllib.request.Request(url, b'{"who": "Ada"}', {'Content-Type': 'application/json'})
    with urllib.request.urlopen(request, timeout=30) as answer:
        expect(answer.status == 202, f'the event was answered with {answer.status}')
    letter(browser)
    browser.click('Execute them again')
    expect('Executed again: 1' in browser.text(), browser.text())
    letter(browser)
    browser.click('Forget')
    expect('There are none: every event' in browser.main(), f'the dead letter is still there: {browser.main()}')


def letter(browser: Browser) -> None:
    """Loads the page until it has a dead letter."""
    def there() -> bool:
        browser.driver.refresh()
        return browser.has('Forget')
    browser.wait(there, 'no dead letter came')
    expect('as you wish' in browser.main(), f'the dead letter does not say why: {browser.main()}')


def jobs(browser: Browser, id: str) -> None:
    browser.open(PROJECT + 'jobs/create/')
    browser.fill(name=f'{RUN}-job', target=RUN)
    browser.click('Create')
    expect('Give a pattern, or a time' in browser.main(), 'a job without a time is not refused')
    browser.fill(pattern='0 3 * * *')
    browser.click('Create')
    browser.click('Pause')
    browser.click('Change')
    browser.fill(pattern='0 4 * * *')
    browser.click('Save')
    for words in ('0 4 * * *', 'paused'):
        expect(words in browser.main(), f'the job does not show {words!r}: {browser.main()}')


def webhooks(browser: Browser, id: str) -> None:
    browser.open(PROJECT + 'webhooks/create/')
    browser.fill(target=RUN, description=f'{RUN}-webhook', signature='GitHub')
    browser.click('Create')
    expect('/invoke' in browser.main() and 'shown this once' in browser.text(), f'no URL or secret: {browser.text()}')
    browser.click('Another URL')
    browser.click('Make another URL')


def delete_all(browser: Browser) -> None:
    for page in ('webhooks', 'jobs', 'triggers', 'aliases', 'functions'):
        browser.open(f'{PROJECT}{page}/')
        found = browser.driver.find_elements(By.XPATH, f'//a[starts-with(@aria-label, "Delete {RUN}")]')
        expect(len(found) == 1, f'{page} has {len(found)} of this run: {browser.main()}')
        with browser.another_page():
            browser.press(found[0])
        browser.click('Delete')
        expect('cannot' not in browser.text() or page == 'functions', browser.text())


def lists(browser: Browser, id: str) -> str:
    """The lists of executions, by function and status, and one of them."""
    browser.open(f'{PROJECT}executions/?function_id={id}&status=failed')
    rows = browser.driver.find_elements(By.CSS_SELECTOR, '.faas-table tbody tr')
    expect(len(rows) == 3, f'{len(rows)} executions have failed, not 3: {browser.main()}')
    with browser.another_page():
        rows[0].find_element(By.TAG_NAME, 'a').click()
    expect('ValueError' in browser.main(), f'the execution does not show the exception: {browser.main()}')
    return id_of(browser)


def pages_of(id: str, execution: str, trigger: str) -> list:
    return [PROJECT + page for page in (
        'overview/?span=7d', 'functions/', f'functions/{id}/', f'functions/{id}/code/',
        f'functions/{id}/versions/', 'executions/', f'executions/{execution}/', 'aliases/', 'triggers/',
        f'triggers/{trigger}/', 'jobs/', 'webhooks/')]


def forms_of(id: str, trigger: str) -> list:
    sources = [f'triggers/create/{source}/' for source in ('clock', 'swift', 'zaqar', 'aodh', 'notification')]
    return [PROJECT + page for page in (
        'functions/create/', f'functions/{id}/run/', f'functions/{id}/edit/', f'functions/{id}/delete/',
        f'functions/{id}/versions/create/', 'aliases/create/', 'triggers/create/', f'triggers/{trigger}/edit/',
        f'triggers/{trigger}/rotate/', 'jobs/create/', 'webhooks/create/', *sources)]


NARROW_FORMS = [PROJECT + page for page in ('functions/create/', 'triggers/create/', 'triggers/create/swift/')]

WORDS_OF_CHANGE = (
    'Create', 'Delete', 'Run', 'Change', 'Pause', 'Resume', 'Save', 'Freeze', 'Name it', 'Add a', 'Move', 'Another URL',
    'Cancel it', 'Forget', 'Again', 'Execute', 'One more', 'End all')


def reader(browser: Browser, id: str, execution: str, trigger: str) -> None:
    """Sees everything, and no button that would be refused; of forms' addresses, why they are not for readers."""
    for path in pages_of(id, execution, trigger):
        browser.open(path)
        for element in browser.driver.find_elements(By.CSS_SELECTOR, '#content_body a, #content_body button'):
            words = element.text.strip()
            expect(not words.startswith(WORDS_OF_CHANGE), f'a reader is offered {words!r} on {path}')
        expect(not browser.driver.find_elements(By.CSS_SELECTOR, '.faas form[method=post]'), f'a form on {path}')
        expect('/events' not in browser.main(), f'a reader sees the URL of a trigger on {path}')
    for path in forms_of(id, trigger):
        there, text = browser.fetch(path)
        expect(there != path, f'a reader is shown the form {path}')
        expect('Your roles in this project do not allow this' in text, f'{path} does not say why not')


def administrator(browser: Browser) -> None:
    """Makes a runtime, changes and deletes it; changes a project's quotas and takes that back; sees workers."""
    browser.open('/admin/faas_runtimes/')
    browser.click('Create a runtime')
    browser.fill(name=f'{RUN}-runtime', image=f'docker.io/faas-mini/{RUN}:none')
    browser.click('Create')
    expect(f'{RUN}-runtime' in browser.main(), 'the runtime is not shown')
    browser.click('Change')
    browser.fill(description='of a browser')
    browser.click('Save')
    expect('of a browser' in browser.main(), 'the runtime was not changed')
    browser.click('Delete')
    browser.click('Delete')
    browser.open('/admin/faas_quotas/?name=alt')
    browser.click('alt')
    browser.click('Change')
    before = browser.driver.find_element(By.NAME, 'aliases').get_attribute('value')
    browser.fill(aliases='77')
    browser.click('Save')
    browser.click('Change')
    expect(browser.driver.find_element(By.NAME, 'aliases').get_attribute('value') == '77', 'the quota was not changed')
    browser.click('Cancel')
    browser.click('Back to the defaults')
    browser.click('Take away')
    browser.click('Change')
    now = browser.driver.find_element(By.NAME, 'aliases').get_attribute('value')
    expect(now == before, f'the quota is {now}, and was {before} before')


def member_makes(browser: Browser) -> tuple:
    id = make_function(browser)
    run_function(browser, id)
    change_code(browser, id)
    versions_and_aliases(browser, id)
    trigger = triggers(browser, id)
    dead_letters(browser, trigger)
    charts(browser, id)
    change_settings(browser, id)
    jobs(browser, id)
    webhooks(browser, id)
    return id, lists(browser, id), trigger


def main() -> None:
    """The administrator works beside the member, and the reader looks while the member looks on a telephone."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack, futures.ThreadPoolExecutor() as pool:
        def session(user: str) -> Browser:
            browser = Browser(URL)
            stack.callback(browser.close)
            browser.log_in(user, PASSWORDS[user])
            return browser

        member, looker, operator = pool.map(session, ('demo', 'demo_reader', 'admin'))
        report(began, 'all have logged in')
        operating = pool.submit(administrator, operator)
        id, execution, trigger = member_makes(member)
        report(began, 'a member made, ran and changed a function, with versions, triggers, jobs and webhooks')
        operating.result()
        report(began, 'an administrator made and deleted a runtime, and changed quotas')
        looking = pool.submit(reader, looker, id, execution, trigger)
        on_a_telephone(member, id, execution, trigger)
        looking.result()
        report(began, f'{len(member.seen | looker.seen | operator.seen)} pages opened, none wider than a telephone; '
                      'a reader saw all, and no button that is not for readers')
        delete_all(member)
        report(began, 'all of it was deleted from the pages')
        for browser in (member, looker, operator):
            # What Horizon's own library says of itself on each page is no complaint.
            complaints = [c for c in browser.complaints if 'JQMIGRATE: Logging is active' not in c]
            expect(not complaints, 'the console complains: ' + '\n'.join(complaints))


def on_a_telephone(browser: Browser, id: str, execution: str, trigger: str) -> None:
    for path in [*pages_of(id, execution, trigger), *NARROW_FORMS, f'{PROJECT}functions/{id}/run/']:
        browser.narrow(path)
    for path in forms_of(id, trigger):
        there, text = browser.fetch(path)
        expect(there == path and text.count('<h1>') == 1 and 'This did not work' not in text,
               f'{path} leads to {there}')


def report(began: float, said: str) -> None:
    print(f'{time.monotonic() - began:6.1f} s  {said}', flush=True)


if __name__ == '__main__':
    try:
        main()
    except Failed as failure:
        sys.exit(f'FAILED: {failure}')
