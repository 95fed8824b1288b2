"""A headless Chromium that uses Horizon as people do: by links, labels and keys."""
import contextlib

from selenium import webdriver
from selenium.common import exceptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import ui

INLINE = '.faas [onclick], .faas script, .faas style, .faas [style]:not(.faas-lines)'
WAIT = 60   # seconds: only a hang takes so long


class Failed(Exception):
    pass


def expect(truth, said) -> None:
    if not truth:
        raise Failed(said)


class Browser:
    """One window. Everything that the browser's console complains of is kept, with the page on which it did."""

    def __init__(self, url: str) -> None:
        options = webdriver.ChromeOptions()
        for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                         '--window-size=1280,900', '--no-proxy-server', '--lang=en'):
            options.add_argument(argument)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.url = url
        self.driver = webdriver.Chrome(service=Service('/usr/bin/chromedriver'), options=options)
        self.complaints: list = []
        self.seen: set = set()

    def close(self) -> None:
        self.driver.quit()

    def wait(self, condition, said: str):
        """Waits until a page that may still be loading fulfils the condition."""
        def asked(_driver):
            try:
                return condition()
            except (exceptions.StaleElementReferenceException, exceptions.NoSuchElementException):
                return False
        try:
            return ui.WebDriverWait(self.driver, WAIT, 0.1).until(asked)
        except exceptions.TimeoutException as error:
            raise Failed(f'{said}, on {self.driver.current_url}: {self.text()[:1500]}') from error

    def log_in(self, name: str, password: str) -> None:
        self.driver.get(self.url + '/auth/login/')
        self.driver.find_element(By.ID, 'id_username').send_keys(name)
        self.driver.find_element(By.ID, 'id_password').send_keys(password)
        self.driver.find_element(By.ID, 'loginBtn').click()
        self.wait(lambda: '/auth/' not in self.driver.current_url, f'{name} cannot log in')
        # What Horizon's own first page complains of, without services that it wants, is not ours.
        self.driver.get_log('browser')

    @contextlib.contextmanager
    def another_page(self):
        """Waits for the page that what is done inside leads to."""
        before = self.driver.find_element(By.TAG_NAME, 'html')
        yield
        self.wait(lambda: gone(before) and self.driver.execute_script('return document.readyState') == 'complete',
                  'no other page came')
        self.look()

    def open(self, path: str) -> None:
        self.driver.get(self.url + path)
        self.look()

    def look(self) -> None:
        """What must hold of every page of ours: no complaint, one heading, no error of the server."""
        path = self.path()
        self.seen.add(path)
        for entry in self.driver.get_log('browser'):
            self.complaints.append(f'{path}: {entry["level"]} {entry["message"]}')
        heading = self.driver.find_elements(By.TAG_NAME, 'h1')
        expect(len(heading) == 1, f'{path} has {len(heading)} headings: {self.text()[:600]}')
        expect('This did not work' not in heading[0].text, f'{path}: {self.text()[:800]}')
        inline = self.driver.execute_script('return document.querySelectorAll(arguments[0]).length', INLINE)
        expect(not inline, f'{path} has script or style within its text, which a policy of contents forbids')

    def fetch(self, path: str) -> tuple:
        """Asks for a page as the browser would, without drawing it: returns where that led, and its text."""
        status, url, text = self.driver.execute_async_script('''
            const [path, done] = arguments;
            fetch(path).then(answer => answer.text().then(text => done([answer.status, answer.url, text])))''', path)
        expect(status == 200, f'{path}: {status}')
        self.seen.add(path)
        return url[len(self.url):], text

    def path(self) -> str:
        return self.driver.current_url[len(self.url):]

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, 'body').text

    def main(self) -> str:
        return self.driver.find_element(By.ID, 'content_body').text

    def has(self, words: str) -> bool:
        """Whether the page has a link or button with these words."""
        return bool(self.buttons(words))

    def buttons(self, words: str) -> list:
        """What has these words; buttons before links, since a tab may be called as what its page does."""
        found = [e for kind in ('button', 'a')
                 for e in self.driver.find_elements(By.CSS_SELECTOR, '#content_body ' + kind)]
        return [element for element in found if element.text.strip() == words]

    def click(self, words: str) -> None:
        """Presses the first link or button with these words, and waits for where it leads."""
        found = self.buttons(words)
        expect(found, f'{self.path()} has no {words!r}: {self.main()[:800]}')
        with self.another_page():
            self.press(found[0])

    def press(self, element) -> None:
        """Clicks. A message of Horizon's that lies above the page is closed before, as people do."""
        for closer in self.driver.find_elements(By.CSS_SELECTOR, '.messages .alert .close'):
            self.driver.execute_script('arguments[0].click()', closer)
        self.driver.execute_script('arguments[0].scrollIntoView({block: "center"})', element)
        element.click()

    def fill(self, **fields) -> None:
        """Fills fields of a form by their names; of choices, by the words that are shown."""
        for name, value in fields.items():
            element = self.driver.find_element(By.CSS_SELECTOR, f'.faas [name="{name}"]')
            expect(element.is_displayed(), f'the field {name} cannot be seen on {self.path()}')
            if element.tag_name == 'select':
                ui.Select(element).select_by_visible_text(value)
            elif element.get_attribute('type') == 'checkbox':
                if element.is_selected() != value:
                    element.click()
            else:
                # By keys, so that what the page does about them is tried; not for many lines.
                self.driver.execute_script('arguments[0].value = ""', element)
                if '\n' in value:
                    self.driver.execute_script(
                        'arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event("input"))',
                        element, value)
                else:
                    element.send_keys(value)

    def tab_to(self, words: str, most: int = 60) -> int:
        """Presses the tab key until what has the focus has these words, and returns how often."""
        for presses in range(1, most + 1):
            self.driver.switch_to.active_element.send_keys(Keys.TAB)
            if self.driver.switch_to.active_element.text.strip() == words:
                return presses
        raise Failed(f'the tab key does not reach {words!r} on {self.path()} within {most} presses')

    def narrow(self, path: str) -> None:
        """Looks at a page as a telephone shows it, 375 points wide: nothing may stick out at the side."""
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride',
                                    {'width': 375, 'height': 740, 'deviceScaleFactor': 1, 'mobile': True})
        try:
            self.open(path)
            wide = self.driver.execute_script('return document.documentElement.scrollWidth')
            expect(wide <= 375, f'{path} is {wide} wide at 375: {self.sticking_out()}')
        finally:
            self.driver.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})

    def sticking_out(self) -> list:
        return self.driver.execute_script('''
            return [...document.querySelectorAll('body *')]
                .filter(e => e.getBoundingClientRect().right > 376).slice(0, 8)
                .map(e => e.tagName + '.' + e.className + ' ' + Math.round(e.getBoundingClientRect().right))''')


def gone(element) -> bool:
    try:
        element.is_enabled()
        return False
    except (exceptions.StaleElementReferenceException, exceptions.WebDriverException):
        return True


__all__ = ['Browser', 'Failed', 'Keys', 'expect']
